"""The log of a resumed run holds every step once."""

from pathlib import Path

from m3vit.model.training.training_log import LogRow, TrainingLog


def row(step: int, loss: float) -> LogRow:
    return LogRow(
        step=step,
        learning_rate=0.001,
        loss=loss,
        task_losses={"depth": loss / 2},
        aux_loss=0.25,
        seconds=10.0 * step,
        images_per_second=30.0,
    )


def test_rows_behind_the_checkpoint_are_replaced(tmp_path: Path) -> None:
    with TrainingLog(tmp_path, ["depth"], first_step=0) as log:
        for step in (1, 2, 3):
            log.write(row(step, loss=step))
        log.write_metrics(2, {"depth": {"rmse": 2.5}})
        log.write_metrics(3, {"depth": {"rmse": 2.25}})
    with (tmp_path / "log.csv").open("a") as file:
        file.write("4,0.001,4")  # cut off while it was written
    with TrainingLog(tmp_path, ["depth"], first_step=2) as log:
        log.write(row(3, loss=30))
    assert (tmp_path / "log.csv").read_text().splitlines() == [
        "step,learning_rate,loss,loss_depth,aux_loss,seconds,images_per_second",
        "1,0.001,1,0.5,0.25,10.0,30.00",
        "2,0.001,2,1,0.25,20.0,30.00",
        "3,0.001,30,15,0.25,30.0,30.00",
    ]
    assert (tmp_path / "metrics.csv").read_text().splitlines() == [
        "step,task,metric,value",
        "2,depth,rmse,2.5",
    ]


def test_a_new_run_starts_an_empty_log(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("something else\n1,2,3\n")
    TrainingLog(tmp_path, ["depth"], first_step=0).__exit__(None, None, None)
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 1
