"""One payment at the end, or interest until the harvest: principal last, for many people."""

import numpy as np
from numpy.typing import NDArray

from lending.matching.offers import Int64, Offers, Search, long_share
from lending.matching.products import ProductAmortization
from lending.schedules.arrays import period_rates

Flags = NDArray[np.bool_]


class PrincipalOffers(Search):
    """The search of lending.matching.engine for products that pay the principal last."""

    def best(self) -> Offers:
        """The amount asked for at the first term that fits, else the largest smaller one at its first."""
        self.once = self.product.amortization is ProductAmortization.BULLET
        self.months = range(1, self.product.term_max + 1)
        self.allowed = self._allowed()
        self.monthly = self._rates()
        everyone = np.arange(len(self.people))
        amount = self.wanted.copy()
        terms = self._first(everyone, amount)
        without = np.flatnonzero(terms == 0)
        if without.size:
            smaller = self._largest_smaller(without)
            some = without[smaller > 0]
            amount[some] = smaller[smaller > 0]
            if some.size:
                terms[some] = self._first(some, amount[some])
        people = np.flatnonzero(terms)
        if not people.size:
            return self.none()
        return self._offers(people, amount[people], terms[people])

    def _allowed(self) -> Flags:
        """Which terms may be offered to whom [term_max, n]: the harvest decides where it is known."""
        months = np.arange(1, self.product.term_max + 1)[:, None]
        plain = (months >= self.earliest) & (months <= self.longest)
        if self.once:
            return plain
        start = self.disbursed.astype("datetime64[M]").astype(np.int64)[0] % 12 + 1
        harvest = self.people.harvest_month
        coming = (harvest - start) % 12
        coming = np.where(coming == 0, 12, coming)
        meets = (months % 12 == coming % 12) & (months >= coming) & (months <= self.longest)
        meets &= months >= self.product.term_min
        late = meets & (months >= self.people.term_months)
        last = meets & (np.cumsum(meets[::-1], axis=0)[::-1] == 1)
        by_harvest = np.where(late.any(axis=0), late, last)
        return np.where(harvest > 0, by_harvest, plain)

    def _rates(self) -> list[Int64]:
        """Rates of each month; of all the months up to each where there is one payment only."""
        if not self.once:
            return self.rates(self.teas)
        days = (self.due - self.disbursed).astype(np.int16)
        return [rate.astype(np.int64) for rate in period_rates(self.teas, days)]

    def _payments(self, people: NDArray[np.intp], amount: Int64, term: int) -> tuple[Int64, Int64]:
        """Largest payment before the last, and all payments, for `amount` over `term` months."""
        if self.once:
            rate = self.monthly[term - 1][people]
            interest, insurance = self.charges(amount, rate, self.insurance_rate(term), long_share)
            return np.zeros_like(amount), amount + interest + insurance
        charge = self.insurance_rate()
        regular, total = np.zeros_like(amount), amount.copy()
        for month in range(term):
            interest, insurance = self.charges(amount, self.monthly[month][people], charge)
            total += interest + insurance
            if month + 1 < term:
                np.maximum(regular, interest + insurance, out=regular)
        return regular, total

    def _fits(self, people: NDArray[np.intp], amount: Int64, term: int) -> Flags:
        """Whether every payment stays inside the room the policy gives; see the engine."""
        regular, total = self._payments(people, amount, term)
        room = self.people.room[people]
        own_money = np.minimum(amount - self.fee, self.people.campaign_cost[people])
        return (regular <= room) & (total - own_money <= room * term)

    def _first(self, people: NDArray[np.intp], amount: Int64) -> Int64:
        """First of the allowed terms that fits; zero where none does."""
        terms = np.zeros(len(people), np.int64)
        for term in self.months:
            open_places = np.flatnonzero((terms == 0) & self.allowed[term - 1, people])
            if open_places.size:
                some = people[open_places]
                terms[open_places[self._fits(some, amount[open_places], term)]] = term
        return terms

    def _largest_smaller(self, people: NDArray[np.intp]) -> Int64:
        """Largest amount on the product's grid that fits at any allowed term; zero where none does."""
        best = np.zeros(len(people), np.int64)
        for term in self.months:
            places = np.flatnonzero(self.allowed[term - 1, people])
            if places.size:
                best[places] = np.maximum(best[places], self._largest_at(people[places], term))
        return best

    def _largest_at(self, people: NDArray[np.intp], term: int) -> Int64:
        smallest = np.full(len(people), self.smallest)
        base = np.where(self._fits(people, smallest, term), smallest, 0)
        low = np.full(len(people), -(-self.smallest // self.step))
        high = self.wanted[people] // self.step
        on_grid = (base > 0) & (high >= low) & self._fits(people, low * self.step, term)
        places = np.flatnonzero(on_grid)
        some, low, high = people[places], low[places], high[places]
        while (low < high).any():
            middle = (low + high + 1) // 2
            fits = self._fits(some, middle * self.step, term)
            low, high = np.where(fits, middle, low), np.where(fits, high, middle - 1)
        base[places] = low * self.step
        return base

    def _offers(self, people: NDArray[np.intp], amount: Int64, terms: Int64) -> Offers:
        rows = 1 if self.once else int(terms.max())
        payments = np.zeros((rows, len(people)), np.int64)
        if self.once:
            days = (self.due - self.disbursed)[terms - 1, 0].astype(np.int16)[None, :]
            for term in np.unique(terms):
                places = np.flatnonzero(terms == term)
                payments[0, places] = self._payments(people[places], amount[places], int(term))[1]
            return self.offers(people, amount, terms, payments[0].copy(), payments, days)
        charge = self.insurance_rate()
        for row in range(rows):
            interest, insurance = self.charges(amount, self.monthly[row][people], charge)
            payments[row] = np.where(row < terms, interest + insurance, 0) + np.where(terms == row + 1, amount, 0)
        last = payments[terms - 1, np.arange(len(people))]
        return self.offers(people, amount, terms, last, payments, self.days()[:rows])
