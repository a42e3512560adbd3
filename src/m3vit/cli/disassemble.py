"""`m3vit disassemble`: what the engine is told to do for a model."""

from typing import Annotated

import typer


def disassemble(
    model: Annotated[
        str | None,
        typer.Argument(
            help="Directory of a compiled model, or the name of a shipped one.",
            show_default="m3vit-nano-int8",
        ),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(metavar="TASK", help="Whose program.", show_default="the model's first"),
    ] = None,
    design: Annotated[
        str,
        typer.Option(help="The hardware: nano, zcu104 or a TOML file of your own."),
    ] = "zcu104",
) -> None:
    """Print a task's program for the accelerator: an instruction a line, addresses in lines.

    Fields that are zero are left out; docs/isa.md explains all of them.

    [bold]Examples[/bold]

    m3vit disassemble

    m3vit disassemble my-model --task depth --design nano
    """
    from m3vit.cli.options import chosen_tasks
    from m3vit.hls.design import DesignConfig
    from m3vit.host.disassemble import disassemble as lines
    from m3vit.host.program import build_plan
    from m3vit.model.compiled import CompiledModel
    from m3vit.model.shipped import find_model

    compiled = CompiledModel.load(find_model(model or "m3vit-nano-int8"))
    names = [known.name for known in compiled.tasks]
    name = chosen_tasks([task] if task else None, names)[0]
    program = build_plan(compiled, DesignConfig.load(design)).programs[name]
    content = b"".join(instruction.encode() for instruction in program.instructions)
    typer.echo(f"# task {name}: {len(program.instructions)} instructions at line {program.line:#x}")
    for line in lines(content):
        typer.echo(line)
