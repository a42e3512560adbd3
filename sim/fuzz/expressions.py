"""Random expressions of ap_int, ap_uint, ap_fixed and native integers.

What the C simulation itself defines badly is left out: shifts by the width or more, reductions of
signed numbers (ap_private counts the sign's copies), signed overflow of native integers.
"""

from collections.abc import Callable, Sequence
from random import Random

from .numbers import Number, Value, fixed_type, integer_type, joined, number_type

_WIDEST_PRODUCT = 40  # bits of a factor
_WIDEST_DIVIDEND = 24


class Expressions:
    """Draws expressions over a growing set of values.

    Attributes:
        values: what is in scope.
    """

    def __init__(self, random: Random, values: Sequence[Value]) -> None:
        self._random = random
        self._last: Value | None = None
        self.values = list(values)

    def draw(self) -> Value:
        """An expression and the type that a variable for it should have."""
        return self._random.choices(_OPERATIONS, _WEIGHTS)[0](self)

    def number(self, widest: int = 10**9) -> Value:
        """An integer in scope, as an expression where none is narrow enough."""
        found = [v for v in self.values if not v.number.fixed and v.number.width <= widest]
        if found:
            return self._pick(found)
        wide = self._random.choice([v for v in self.values if not v.number.fixed])
        kind = integer_type(self._random, min(widest, 12))
        return Value(f"{kind}({wide.text})", kind, wide.depends, wide.slowly)

    def fixed(self) -> Value:
        """A fixed-point number in scope, or one made of an integer's bits."""
        found = [value for value in self.values if value.number.fixed]
        if found and self._random.random() < 0.8:
            return self._pick(found)
        whole = self.number(40)
        kind = fixed_type(self._random)
        return Value(f"{kind}({whole.text})", kind, whole.depends, whole.slowly)

    def _pick(self, found: list[Value]) -> Value:
        """One of them, rather a late one, so that chains get long; not the same twice running."""
        others = [value for value in found if value is not self._last] or found
        recent = others[-6:] if self._random.random() < 0.5 else others
        self._last = self._random.choice(recent)
        return self._last

    def condition(self) -> Value:
        """A comparison; its type is that of bool."""
        kind = Number(1, False)
        if self._random.random() < 0.2:
            left, right = self.fixed(), self.fixed()
        else:
            left, right = self.number(), self.number()
        sign = self._random.choice(["<", ">", "<=", ">=", "==", "!="])
        text = f"({left.text} {sign} {right.text})"
        operands = [left, right]
        if self._random.random() < 0.25:
            third = self.number()
            bit = self._random.randrange(third.number.width)
            joint = self._random.choice(["&&", "||"])
            negated = self._random.choice(["", "!"])
            text = f"({text} {joint} {negated}{_called(third)}[{bit}])"
            operands.append(third)
        return Value(text, kind, *joined(operands))

    def constant(self, kind: Number) -> str:
        """A number of this type, often an extreme one."""
        low = -(1 << (kind.width - 1)) if kind.signed else 0
        high = (1 << (kind.width - int(kind.signed))) - 1
        value = self._random.choice([low, high, 0, self._random.randint(low, high)])
        value = max(-(2**31) + 1, min(2**31 - 1, value))
        return f"{kind}({value})"

    # Operations ---------------------------------------------------------------------------------

    def _arithmetic(self) -> Value:
        sign = self._random.choice(["+", "-", "&", "|", "^"])
        return self._binary(self.number(), sign, self.number())

    def _product(self) -> Value:
        left, right = self.number(_WIDEST_PRODUCT), self.number(_WIDEST_PRODUCT)
        return self._binary(left, "*", right, slow=True)

    def _binary(self, left: Value, sign: str, right: Value, *, slow: bool = False) -> Value:
        kind = integer_type(self._random)
        text = f"{left.text} {sign} {right.text}"
        return Value(text, kind, *joined([left, right], slow=slow))

    def _by_constant(self) -> Value:
        value = self.number(_WIDEST_PRODUCT)
        factor = self._random.randint(-40, 40)
        sign = self._random.choice(["*", "+", "-"])
        kind = integer_type(self._random)
        return Value(f"{value.text} {sign} ({factor})", kind, *joined([value], slow=True))

    def _quotient(self) -> Value:
        value = self.number(_WIDEST_DIVIDEND)
        divisor = self._random.choice([2, 4, 16, 3, 5, 7, 10, 100])
        sign = self._random.choice(["/", "%"])
        kind = integer_type(self._random, 30)
        return Value(f"{value.text} {sign} {divisor}", kind, *joined([value], slow=True))

    def _unary(self) -> Value:
        value = self.number()
        return Value(
            f"{self._random.choice('~-')}{value.text}", integer_type(self._random), *joined([value])
        )

    def _selected(self) -> Value:
        condition, kind = self.condition(), number_type(self._random)
        yes, no = (self.fixed(), self.fixed()) if kind.fixed else (self.number(), self.number())
        text = f"{condition.text} ? {kind}({yes.text}) : {kind}({no.text})"
        return Value(text, kind, *joined([condition, yes, no]))

    def _constant_shift(self) -> Value:
        value = self.number()
        amount = self._random.randrange(value.number.width)
        sign = self._random.choice(["<<", ">>"])
        return Value(f"{value.text} {sign} {amount}", integer_type(self._random), *joined([value]))

    def _variable_shift(self) -> Value:
        value, amount = self.number(), self.number()
        bits = max(1, value.number.width.bit_length() - 1)  # 2^bits <= width
        if value.number.width < 2:
            return self._constant_shift()
        sign = self._random.choice(["<<", ">>"])
        text = f"{value.text} {sign} ap_uint<{bits}>({amount.text})"
        return Value(text, integer_type(self._random), *joined([value, amount]))

    def _range(self) -> Value:
        value = self.number()
        high = self._random.randrange(value.number.width)
        low = self._random.randint(0, high)
        text = f"{_called(value)}.range({high}, {low})"
        return Value(text, integer_type(self._random), *joined([value]))

    def _concatenation(self) -> Value:
        left, right = self.number(30), self.number(30)
        text = f"({_object(left)}, {_object(right)})"
        return Value(text, integer_type(self._random), *joined([left, right]))

    def _reduction(self) -> Value:
        unsigned = [v for v in self.values if not v.number.fixed and not v.number.signed]
        if not unsigned:
            return self._arithmetic()
        value = self._random.choice(unsigned)
        name = self._random.choice(["and_reduce", "or_reduce", "xor_reduce"])
        return Value(f"{_called(value)}.{name}()", Number(1, False), *joined([value]))

    def _native(self) -> Value:
        value = self.number(32)
        factor = self._random.choice(["2654435761u", "3u", "255u", "65537u"])
        text = f"({_called(value)}.to_uint() * {factor}) ^ {_called(value)}.to_uint()"
        return Value(text, Number(32, False), *joined([value], slow=True))

    def _maximum(self) -> Value:
        left, right = self.number(), self.number()
        sign, kind = self._random.choice("<>"), integer_type(self._random)
        text = (
            f"{kind}({left.text}) {sign} {kind}({right.text}) ? "
            f"{kind}({left.text}) : {kind}({right.text})"
        )
        return Value(text, kind, *joined([left, right]))

    def _fixed_arithmetic(self) -> Value:
        left, right = self.fixed(), self.fixed()
        sign = self._random.choice("+-*")
        text = f"{left.text} {sign} {right.text}"
        return Value(text, fixed_type(self._random), *joined([left, right], slow=sign == "*"))

    def _fixed_conversion(self) -> Value:
        value = self.fixed()
        return Value(value.text, fixed_type(self._random), *joined([value]))

    def _fixed_shift(self) -> Value:
        value = self.fixed()
        amount = self._random.randrange(value.number.width)
        text = f"{value.text} {self._random.choice(['<<', '>>'])} {amount}"
        return Value(text, fixed_type(self._random), *joined([value]))

    def _fixed_to_integer(self) -> Value:
        value = self.fixed()
        return Value(value.text, integer_type(self._random, 60), *joined([value]))

    def _integer_to_fixed(self) -> Value:
        value = self.number(40)
        return Value(value.text, fixed_type(self._random), *joined([value]))

    def _bits_of_fixed(self) -> Value:
        value = self.fixed()
        high = self._random.randrange(value.number.width)
        low = self._random.randint(0, high)
        text = f"{_called(value)}.range({high}, {low})"
        return Value(text, integer_type(self._random), *joined([value]))


def _object(value: Value) -> str:
    """An expression of class type, where `ap_int<3>(x)` alone would do for a call."""
    return value.text if value.text.isidentifier() else f"{value.number}({value.text})"


def _called(value: Value) -> str:
    """Something on which a member function can be called without parentheses around it."""
    return _object(value)


_OPERATIONS: list[Callable[[Expressions], Value]] = []
_WEIGHTS: list[float] = []
for _operation, _weight in (
    (Expressions._arithmetic, 6),
    (Expressions._product, 2),
    (Expressions._by_constant, 2),
    (Expressions._quotient, 0.7),
    (Expressions._unary, 1.5),
    (Expressions._selected, 3),
    (Expressions._constant_shift, 2),
    (Expressions._variable_shift, 1.5),
    (Expressions._range, 2),
    (Expressions._concatenation, 1.5),
    (Expressions._reduction, 0.7),
    (Expressions._native, 0.7),
    (Expressions._maximum, 1),
    (Expressions._fixed_arithmetic, 3),
    (Expressions._fixed_conversion, 2.5),
    (Expressions._fixed_shift, 1),
    (Expressions._fixed_to_integer, 1),
    (Expressions._integer_to_fixed, 1),
    (Expressions._bits_of_fixed, 1),
):
    _OPERATIONS.append(_operation)
    _WEIGHTS.append(_weight)
