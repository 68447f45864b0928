"""Addresses of this floor: `people` under /accounts/, `institution` under /i/<institution>/desk/."""
