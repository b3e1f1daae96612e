# The two commands of the README. Everything else is in scripts/ and in `deployer --help`.
.PHONY: demo test faults

# Builds the tool, deploys everything into a local AWS, sends a payment through it.
demo:
	scripts/demo

# Installs what is missing and runs every test and every check of what the tool makes.
test:
	scripts/test

# What takes too long for every change: every fault at every call, long histories, a thousand functions. Half an hour.
faults:
	scripts/faults
