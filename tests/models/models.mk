# models.mk - `make models`: every interleaving of the protocols in tests/models, and the planted errors that must be found.

.PHONY: models
models:
	@tests/install.sh models
	@tests/models/check.sh
