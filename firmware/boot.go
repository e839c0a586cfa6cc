package firmware

import (
	"errors"
	"fmt"
	"strings"
)

// bootState survives between the traps of INT 18h and INT 19h.
type bootState struct {
	Phase     int
	Next      int // entry to try next
	MenuShown bool
}

// Phases of booting.
const (
	bootFresh  = iota // INT 19h starts over
	bootMenu          // waiting for a choice
	bootTrying        // going through the entries
	bootFailed        // waiting for a key to start over
)

const (
	bootSector = 0x7c00
	escape     = 0x1b
)

// candidate is a drive that might be booted.
type candidate struct {
	kind  Kind
	index int // within its kind
	name  string
}

func (c candidate) String() string {
	what := map[Kind]string{Floppy: "floppy", HardDisk: "hard disk", CDROM: "CD"}[c.kind]
	if c.name == "" {
		return fmt.Sprintf("%s %d", what, c.index)
	}
	return fmt.Sprintf("%s %d (%s)", what, c.index, c.name)
}

// candidates are all drives in boot order; kinds that the order leaves out are
// not booted.
func (b *BIOS) candidates() []candidate {
	var l []candidate
	for _, k := range b.cfg.Boot {
		for i, u := range b.drives(Kind(k)) {
			l = append(l, candidate{Kind(k), i, u.drive.Name})
		}
	}
	return l
}

// banner says what the machine is made of.
func (f *frame) banner() {
	b := f.b
	f.print(strings.TrimSpace("g86 BIOS "+b.cfg.Version) + "\n")
	mem := fmt.Sprintf("%d MiB", b.cfg.Memory>>20)
	if b.cfg.Memory&(1<<20-1) != 0 {
		mem = fmt.Sprintf("%d KiB", b.cfg.Memory>>10)
	}
	cpus := "1 processor"
	if b.cfg.CPUs > 1 {
		cpus = fmt.Sprintf("%d processors", b.cfg.CPUs)
	}
	f.print(fmt.Sprintf("%s of memory, %s\n", mem, cpus))
	for _, k := range []Kind{Floppy, HardDisk, CDROM} {
		for i, u := range b.drives(k) {
			what := "empty"
			if u.media != nil {
				what = size(u.size)
			}
			f.print(fmt.Sprintf("%s: %s\n", candidate{k, i, u.drive.Name}, what))
		}
	}
	f.print("\n")
}

func size(n int64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}

// int19 boots, from the first candidate on.
func (f *frame) int19() {
	s := &f.b.state.Boot
	if s.Phase == bootFresh {
		s.Next, s.Phase = 0, bootTrying
		f.b.state.Emul = emulation{}
		if f.b.cfg.Menu && !s.MenuShown {
			s.MenuShown, s.Phase = true, bootMenu
			f.showMenu()
		}
	}
	f.boot()
}

// int18 is called by boot sectors that give up: the next candidate's turn.
func (f *frame) int18() {
	s := &f.b.state.Boot
	if s.Phase == bootFresh {
		s.Phase = bootTrying
		f.b.state.Emul = emulation{}
	}
	f.boot()
}

func (f *frame) boot() {
	s := &f.b.state.Boot
	list := f.b.candidates()
	switch s.Phase {
	case bootMenu:
		if !f.menuKey(list) {
			f.wait = waitIdle
			return
		}
	case bootFailed:
		if _, ok := f.peekKey(); !ok {
			f.wait = waitIdle
			return
		}
		f.dropKey()
		s.Next, s.Phase = 0, bootTrying
	}
	for s.Next < len(list) {
		c := list[s.Next]
		s.Next++
		f.print(fmt.Sprintf("Booting from %s ... ", c))
		err := f.try(c)
		if err == nil {
			f.print("\n")
			s.Phase = bootFresh
			return
		}
		f.print(err.Error() + "\n")
	}
	if len(list) == 0 {
		f.print("There is no drive to boot from.\n")
	}
	f.print("\nNo bootable device. Press a key to try again.\n")
	s.Phase = bootFailed
	f.wait = waitIdle
}

func (f *frame) showMenu() {
	f.print("Boot from:\n")
	for i, c := range f.b.candidates() {
		if i < 9 {
			f.print(fmt.Sprintf("  %d  %s\n", i+1, c))
		}
	}
	f.print("Press a number, or Esc for the usual order: ")
}

// menuKey takes a choice; it reports whether there was one.
func (f *frame) menuKey(list []candidate) bool {
	s := &f.b.state.Boot
	for {
		c, ok := f.peekKey()
		if !ok {
			return false
		}
		f.dropKey()
		ch := byte(c)
		if n := int(ch - '1'); ch >= '1' && n < min(9, len(list)) {
			f.print(string(ch) + "\n")
			s.Next, s.Phase = n, bootTrying
			return true
		}
		if ch == escape || ch == '\r' {
			f.print("\n")
			s.Phase = bootTrying
			return true
		}
	}
}

// try loads a candidate's boot sector and leaves the frame so that the stub
// returns to it.
func (f *frame) try(c candidate) error {
	if c.kind == CDROM {
		return f.bootCD(c.index)
	}
	u := f.b.drives(c.kind)[c.index]
	if u.media == nil {
		return errors.New("empty")
	}
	p := make([]byte, sectorSize)
	if status := u.readSectors(0, p); status != diskOK {
		return fmt.Errorf("cannot be read (error %02Xh)", status)
	}
	signed := p[510] == 0x55 && p[511] == 0xaa
	switch {
	case c.kind == HardDisk && !signed:
		return errors.New("no boot sector (55 AA is missing)")
	case !signed && blank(p):
		return errors.New("no boot sector")
	}
	f.write(bootSector, p)
	f.jump(0, bootSector)
	f.setAX(0xaa55)
	drive := byte(c.index)
	if c.kind == HardDisk {
		drive += 0x80
	}
	f.setLo(rDX, uint16(drive))
	return nil
}

// blank reports whether a floppy's first sector, which needs no signature, holds
// no program: as on the AT, its first words are all alike or it starts with a
// byte below 06h.
func blank(p []byte) bool {
	if p[0] < 6 {
		return true
	}
	for i := 2; i < 20; i += 2 {
		if p[i] != p[0] || p[i+1] != p[1] {
			return false
		}
	}
	return true
}
