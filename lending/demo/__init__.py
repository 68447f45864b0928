"""Example data: two invented lenders, their people, products, models and cases, made through the services."""
