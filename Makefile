# g86 builds with `go build` alone; these are the shortcuts.
GO       ?= go
FUZZTIME ?= 30s
# Every host g86 promises to build for, as GOOS/GOARCH.
HOSTS     = linux/amd64 linux/arm64 darwin/arm64 windows/amd64

.PHONY: build generate guests demo kernels test vet fmt generated cross unit bench bench-interp soak fuzz clean

build:
	CGO_ENABLED=0 $(GO) build -o bin/g86 ./cmd/g86

generate:
	$(GO) generate ./...

# Real guests for the tests, from Debian's packages, into tests/guests/cache.
guests:
	$(GO) run ./tests/guests/fetch

# The demonstration guest from its assembly source; needs nasm.
demo:
	cd firmware/demo && nasm -Werror -f bin -o demo.bin demo.asm

# The bare-metal test kernels from their assembly sources; needs nasm.
kernels:
	cd tests/kernels && for k in *.asm; do nasm -Werror -f bin -o $${k%.asm}.bin $$k || exit 1; done
	cd tests/bench && nasm -Werror -f bin -o guests32.bin guests.asm && nasm -Werror -f bin -DLONG -o guests64.bin guests.asm

# The whole check. Guests that cannot be fetched are named by the tests they skip.
test: vet fmt generated cross
	@$(MAKE) --no-print-directory guests || echo "guests: none; the tests that need them will say so"
	@$(MAKE) --no-print-directory fuzz FUZZTIME=500x
	@$(MAKE) --no-print-directory unit

vet:
	$(GO) vet ./...

fmt:
	@bad=$$(git ls-files '*.go' | xargs gofmt -l); \
	if [ -n "$$bad" ]; then echo "gofmt -w these files:"; echo "$$bad"; exit 1; fi

# Generated files must be what their sources give.
generated: generate
	git diff --exit-code -- docs/ISA.md $$(git grep -l '^// Code generated .* DO NOT EDIT' -- '*.go')

cross:
	@set -e; for h in $(HOSTS); do echo "build $$h"; \
	CGO_ENABLED=0 GOOS=$${h%/*} GOARCH=$${h#*/} $(GO) build ./...; done

unit:
	$(GO) test -timeout 12m ./...

# The translator beside QEMU's TCG and the host itself; BENCH passes flags on.
bench: build
	$(GO) run ./tests/bench $(BENCH)

# Million guest instructions per second of the interpreter.
bench-interp:
	$(GO) test -run '^$$' -bench Interp ./cpu/... ./machine/... ./tests/...

# Long runs of real guests, hours rather than minutes.
soak:
	G86_SOAK=1 $(GO) test -v -timeout 12h -run Soak ./tests/... ./cpu

# Every fuzz target in turn, FUZZTIME each: a duration, or a number of inputs (500x).
fuzz:
	@set -e; git grep -E '^func Fuzz' -- '*_test.go' | \
	sed -E 's|^(.*)/[^/]*:func (Fuzz[A-Za-z0-9_]*).*|./\1 \2|' | while read -r pkg name; do \
	echo "fuzz $$pkg $$name"; $(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) $$pkg; done

clean:
	rm -rf bin tests/guests/cache
