# The commands of the README. Everything else is in scripts/ and in `deployer --help`.
.PHONY: demo faults prove scan test

# Builds the tool, deploys everything into a local AWS, sends a payment through it.
demo:
	scripts/demo

# Installs what is missing and runs every test and every check of what the tool makes.
test:
	scripts/test

# What takes too long for every change: every fault at every call, long histories, a thousand functions. Half an hour.
faults:
	scripts/faults

# Takes every action of every role away and shows that a test fails. Takes minutes.
prove:
	scripts/prove-least-privilege

# What is read from executables, also of a stripped release with fat LTO and vendored sources: compiles an SDK anew, minutes.
scan:
	cargo test --workspace --test cli -- --include-ignored scan::
