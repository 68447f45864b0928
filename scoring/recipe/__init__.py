"""The accuracy recipe: any table of borrowers, no tuning, a stack of five kinds of model.

It shows how much the data can tell. Live decisions use the transparent model, whose reasons are exact.
"""

from scoring.recipe.encoding import TableEncoder, feature_columns_of
from scoring.recipe.splits import SPLITS, splits_of
from scoring.recipe.stack import Stack, train_stack

__all__ = ["SPLITS", "Stack", "TableEncoder", "feature_columns_of", "splits_of", "train_stack"]
