"""Equal installments for many people: one sum of discounts gives the installment of every term."""

from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from lending.interest import RATE_SCALE
from lending.matching.offers import Float64, Int64, Offers, Search
from lending.schedules.level import exact_level


class LevelOffers(Search):
    """The search of lending.matching.engine for equal installments."""

    def best(self) -> Offers:
        """The amount asked for at the shortest term that fits, else the largest smaller one at its shortest."""
        everyone = np.arange(len(self.people))
        self.monthly = self.rates(self.teas)
        self.worth = self._worth()
        amount = self.wanted.copy()
        terms, level = self._shortest(everyone, amount)
        without = np.flatnonzero(terms == 0)
        if without.size:
            smaller = self._largest_smaller(without)
            some = without[smaller > 0]
            amount[some] = smaller[smaller > 0]
            if some.size:
                terms[some], level[some] = self._shortest(some, amount[some])
        people = np.flatnonzero(terms)
        if not people.size:
            return self.none()
        return self._offers(people, amount[people], terms[people], level[people])

    def _worth(self) -> Float64:
        """What an installment of one is worth over 1, 2, … term_max months [term_max, n]."""
        charge = self.insurance_rate()
        growth = np.ones(len(self.people))
        worth = np.empty((len(self.monthly), len(self.people)))
        for row, rate in enumerate(self.monthly):
            charged = charge + charge * (rate / RATE_SCALE) if self.plus_interest else charge
            growth = growth / (1 + (rate + charged) / RATE_SCALE)
            worth[row] = growth
        return np.cumsum(worth, axis=0)

    def _levels(self, people: NDArray[np.intp], amount: Int64, worth: Float64, terms: Int64) -> Int64:
        """Installments in céntimos; `worth` and `terms` [n] or [m, n] alike."""
        exact = amount / worth
        levels = np.floor(exact + 0.5).astype(np.int64)
        doubtful = np.abs(exact - np.floor(exact) - 0.5) < 1e-8 + exact * 1e-12
        amounts, terms = np.broadcast_to(amount, exact.shape), np.broadcast_to(terms, exact.shape)
        for place in zip(*np.nonzero(doubtful), strict=True):
            person = int(people[place[-1]])
            levels[place] = self._exact(person, int(amounts[place]), int(terms[place]))
        return levels

    def _exact(self, person: int, amount: int, term: int) -> int:
        charge = Decimal(self.insurance_rate())
        rates = [int(rate[person]) for rate in self.monthly[:term]]
        if self.plus_interest:
            return exact_level(amount, [rate + charge + charge * rate / RATE_SCALE for rate in rates])
        return exact_level(amount, [rate + charge for rate in rates])

    def _shortest(self, people: NDArray[np.intp], amount: Int64) -> tuple[Int64, Int64]:
        """Shortest term whose installment fits, and that installment; zeros where none does."""
        months = np.arange(1, len(self.monthly) + 1)[:, None]
        levels = self._levels(people, amount, self.worth[:, people], months)
        fits = levels <= self.people.room[people]
        fits &= (months >= self.earliest[people]) & (months <= self.longest[people])
        first = fits.argmax(axis=0)
        some = fits.any(axis=0)
        chosen = levels[first, np.arange(len(people))]
        return np.where(some, first + 1, 0), np.where(some, chosen, 0)

    def _largest_smaller(self, people: NDArray[np.intp]) -> Int64:
        """Largest amount on the product's grid that fits at the longest term; zero where none does."""
        room, longest = self.people.room[people], self.longest[people]
        worth = self.worth[longest - 1, people]

        def fits(amount: Int64) -> NDArray[np.bool_]:
            return self._levels(people, amount, worth, longest) <= room

        lowest = -(-self.smallest // self.step)
        highest = self.wanted[people] // self.step
        guess = np.floor((room + 0.5) * worth / self.step).astype(np.int64)
        best = np.where(fits(np.full(len(people), self.smallest)), self.smallest, 0)
        for nudge in (-1, 0, 1):
            count = np.minimum(guess + nudge, highest)
            usable = (count >= lowest) & (best > 0)
            best = np.where(usable & fits(np.maximum(count, 1) * self.step), count * self.step, best)
        return best

    def _offers(self, people: NDArray[np.intp], amount: Int64, terms: Int64, level: Int64) -> Offers:
        """Offers with every payment worked out; nothing is left to pay after the term."""
        charge = self.insurance_rate()
        rows = int(terms.max())
        payments = np.empty((rows, len(people)), np.int64)
        balance = amount.copy()
        for row in range(rows):
            interest, insurance = self.charges(balance, self.monthly[row][people], charge)
            paid = np.clip(level - interest - insurance, 0, balance)
            paid = np.where(terms == row + 1, balance, paid)
            balance -= paid
            np.add(interest, insurance, out=payments[row])
            payments[row] += paid
        return self.offers(people, amount, terms, level, payments, self.days()[:rows])
