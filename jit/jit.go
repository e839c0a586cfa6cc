// Package jit translates hot blocks of guest code to host code.
//
// The host is the guest's own architecture, so a guest instruction becomes the
// same host instruction with its registers renamed and its memory operand
// replaced by a translated address; the guest's status flags live in the host's.
// What that does not fit is left to the interpreter, one instruction at a time.
// docs/translator.md tells more.
//
// Registers in host code:
//
//	RAX RDX RBX RBP RSI RDI    the guest's
//	R8 R9 R11 R13              the guest's RSP, RCX, R8 and R12; the others live in memory
//	XMM0-15, x87               the guest's, once an instruction has needed them
//	R12                        instruction budget
//	RCX R10 R14                scratch
//	R15, GS                    the TLB, and from there the processor, see cpuBias
//	RSP                        the return addresses of calls, see returns.go
package jit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"g86/cpu"
	"g86/cpu/isa"
)

// Heat is how often a block is interpreted before it is translated.
const Heat = 8

// Stats are counters for people.
type Stats struct {
	Blocks     uint64        // translated
	Insns      uint64        // guest instructions in them
	Interp     uint64        // of those left to the interpreter
	Bytes      uint64        // of host code
	Time       time.Duration // of translating
	Host       time.Duration // in host code, by samples
	Jumps      uint64        // direct exits of blocks
	Links      uint64        // of those made jumps to other blocks
	Trusted    uint64        // links into other pages that came to be trusted
	Distrusted uint64        // and how many of them were not any more
	Drops      uint64        // blocks dropped, because they were overwritten for the most part
	Resets     uint64        // times the cache was full
	Enters     uint64
	Accesses   float64 // of memory for each instruction, the sum of what was sampled at exits for the budget
	Exits      [cpu.NativeKinds]uint64
	Ops        []uint64 // exits for one instruction, by form
}

// Usage is what the machine has done meanwhile.
type Usage struct {
	Insns  uint64        // instructions run
	Native uint64        // of those in host code
	Filled uint64        // misses of the TLB
	Slow   uint64        // accesses of host code that the interpreter made
	Faults uint64        // page faults of host code
	Busy   time.Duration // of the processors

	Crossings uint64 // between rings and through gates, that did not leave host code
	Found     uint64 // blocks that came back with their host code

	Windows cpu.WindowStats
}

// Report shows the counters, one a line, and the commonest reasons of exits.
func (s *Stats) Report(u Usage) string {
	var b strings.Builder
	line := func(name string, format string, a ...any) {
		fmt.Fprintf(&b, "%-22s "+format+"\n", append([]any{name}, a...)...)
	}
	ops := uint64(0)
	for _, n := range s.Ops {
		ops += n
	}
	busy := max(u.Busy, 1)
	share := func(d time.Duration) float64 { return 100 * d.Seconds() / busy.Seconds() }
	host := min(s.Host, busy-min(s.Time, busy))
	line("time", "%v: host code %.1f%%, translating %.1f%%, interpreter and the rest %.1f%%", u.Busy.Round(time.Millisecond),
		share(host), share(s.Time), 100-share(host)-share(s.Time))
	line("instructions", "%d, %.2f%% of them in host code, %.0f million a second", u.Insns, percent(u.Native, u.Insns), float64(u.Insns)/1e6/busy.Seconds())
	line("blocks translated", "%d, of %d instructions, %d of them interpreted", s.Blocks, s.Insns, s.Interp)
	line("time translating", "%v, %.1f us a block, %.0f blocks a second", s.Time.Round(time.Millisecond), us(s.Time, s.Blocks), float64(s.Blocks)/busy.Seconds())
	line("host code", "%d KiB, cache emptied %d times, %d blocks dropped; %d overwritten and found again", s.Bytes>>10, s.Resets, s.Drops, u.Found)
	line("jumps linked", "%d of %d, %.1f%%", s.Links, s.Jumps, percent(s.Links, s.Jumps))
	line("", "into other pages %d trusted, %d not any more", s.Trusted, s.Distrusted)
	// Host code does not count accesses. At the end of the budget it stands in a block as often as
	// it runs that block's instructions, so that the mean over those ends is that of all.
	rate := s.Accesses / float64(max(s.Exits[cpu.NativeBudget], 1))
	accesses := max(rate*float64(u.Native), 1)
	line("TLB", "%.3f%% hits, of some %.2f accesses an instruction", 100*(1-min(float64(u.Filled+u.Faults)/accesses, 1)), rate)
	if w := &u.Windows; w.Opened != 0 {
		line("windows", "opened %d times, %d closed as translations were dropped, %d as too dear; open for %.1f%% of instructions to ring 3, for %.1f%% to others",
			w.Opened, w.Dropped, w.Dear, percent(w.Insns[1], u.Insns), percent(w.Insns[0], u.Insns))
		line("", "%d pages mapped, %d accesses had to wait for one, %v", w.Mapped, w.Faults, w.Time.Round(time.Millisecond))
	}
	line("ring crossings", "%d in host code", u.Crossings)
	line("entries", "%d", s.Enters)
	exit := func(name string, n uint64) { line("  exits: "+name, "%-10d %5.1f%%", n, percent(n, s.Enters)) }
	exit("budget", s.Exits[cpu.NativeBudget])
	exit("TLB miss", u.Filled)
	exit("slow access", u.Slow)
	exit("page fault", u.Faults)
	exit("no link", s.Exits[cpu.NativeLink]+s.Exits[cpu.NativeCrossed])
	exit("return", s.Exits[cpu.NativeReturn])
	exit("x87 load", s.Exits[cpu.NativeX87])
	exit("page check", s.Exits[cpu.NativeCross])
	exit("instruction", ops)
	type count struct {
		form isa.ID
		n    uint64
	}
	var top []count
	for i, n := range s.Ops {
		if n != 0 {
			top = append(top, count{isa.ID(i), n})
		}
	}
	slices.SortFunc(top, func(a, b count) int { return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.form, b.form)) })
	for _, t := range top[:min(len(top), 24)] {
		f := &isa.Forms[t.form]
		line("", "%-24s %-10d %5.1f%%", strings.TrimSpace(f.Mnemonic+" "+f.Args), t.n, percent(t.n, s.Enters))
	}
	return b.String()
}

// HotBlock is where translated code spends its time: a sample is taken whenever the
// budget of instructions, 65536 of them at most, is used up before a block.
type HotBlock struct {
	RIP     uint64
	Samples uint64
	Percent float64
}

func percent(n, of uint64) float64 { return 100 * float64(n) / float64(max(of, 1)) }

func us(d time.Duration, n uint64) float64 {
	return float64(d.Nanoseconds()) / 1000 / float64(max(n, 1))
}

// Checks is how host code leaves for a slow path without changing flags.
type Checks uint8

const (
	ChecksOver Checks = iota // JRCXZ over a jump: a taken branch where all is well
	ChecksLoop               // LOOP
	ChecksSign               // LEA and SHRX make of RCX a word that is 0 unless all is well, for JRCXZ

	NumChecks
)

// ForceSyscallGS makes Attach do what it does where the kernel does not let programs write the
// base of GS themselves.
var ForceSyscallGS bool

// ForceDual makes Attach do what it does on hosts that refuse memory that is writable and
// executable at once.
var ForceDual bool
