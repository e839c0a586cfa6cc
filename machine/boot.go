package machine

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"g86/cpu"
	"g86/cpu/isa"
	"g86/devices/vga/font"
	"g86/firmware"
	"g86/firmware/demo"
	"g86/firmware/direct"
	"g86/firmware/e820"
	"g86/firmware/linux"
	"g86/firmware/multiboot"
	"g86/machine/image"
)

// bootPlan is what the machine boots, decided and checked before it is built.
type bootPlan struct {
	order    bootOrder
	disks    []drive
	cds      []drive
	floppies []drive
	biosFile []byte // firmware of the user's
	vgaROM   []byte // option ROM of the display for it
	kernel   string // file of the direct boot, "" for none
	load     func(direct.Memory) (direct.Entry, error)
	files    map[string][]byte // what was read, by name, for snapshots
	kept     []keptFile        // where the large ones are
}

// keptFile is memory that holds a file which is only read again when the guest reboots or is
// saved.
type keptFile struct {
	data []byte
	file *os.File // see allocate
}

const leastKept = 1 << 20 // bytes: smaller ones are Go's

// room is memory for n bytes of a file.
func (m *Machine) room(n int64) []byte {
	if n >= leastKept {
		if b, file, err := allocate(uint64(n)); err == nil {
			m.boot.kept = append(m.boot.kept, keptFile{b, file})
			return b
		}
	}
	// Go need not clear this memory. Doing so page by page while its garbage collector wants to
	// stop the world took longer than all else of starting up.
	return make([]byte, n)
}

// rest lets the host take what the process has of the kept files, which come back when
// they are looked at.
func (m *Machine) rest() {
	for _, k := range m.boot.kept {
		if k.file != nil {
			unmapPages(k.data)
		}
	}
}

// openImages reads or opens every file that Config names.
func (m *Machine) openImages() error {
	c := &m.cfg
	var err error
	if m.boot.order, err = parseBoot(c.Boot); err != nil {
		return err
	}
	if err := m.sortImage(); err != nil {
		return err
	}
	if err := m.openBIOS(); err != nil {
		return err
	}
	if err := m.openDrives(); err != nil {
		return err
	}
	return m.openKernel()
}

// sortImage recognises Config.Image and puts it where it belongs; its drive is
// booted first.
func (m *Machine) sortImage() error {
	c := &m.cfg
	if c.Image == "" {
		return nil
	}
	kind, err := image.Detect(c.Image)
	if err != nil {
		return asConfig(err)
	}
	spec := strings.ReplaceAll(c.Image, ",", ",,")
	first := ""
	switch kind {
	case image.BzImage, image.Multiboot:
		if c.Kernel != "" {
			return usageError("%s is a kernel, and --kernel names another: give one of them", c.Image)
		}
		c.Kernel = c.Image
	case image.CDROM:
		c.CDROMs, first = append([]string{spec}, c.CDROMs...), "cdrom"
	case image.Floppy:
		c.Floppies, first = append([]string{spec}, c.Floppies...), "floppy"
	case image.Disk:
		c.Disks, first = append([]string{spec}, c.Disks...), "disk"
	}
	if first != "" && m.boot.order.kinds == nil {
		m.boot.order.kinds = []string{first}
		for _, k := range []string{"disk", "floppy", "cdrom"} {
			if k != first {
				m.boot.order.kinds = append(m.boot.order.kinds, k)
			}
		}
	}
	return nil
}

const (
	minBIOS = 64 << 10
	maxBIOS = 16 << 20
	maxVGA  = 64 << 10
)

func (m *Machine) openBIOS() error {
	c := &m.cfg
	if c.BIOS == "" {
		if c.VGABIOS != "" {
			return usageError("--vgabios goes with --bios; the embedded BIOS brings its own")
		}
		return nil
	}
	b, err := m.readFile(c.BIOS, maxBIOS, "; give a firmware image")
	if err != nil {
		return err
	}
	if len(b) < minBIOS || len(b)%minBIOS != 0 {
		return configError("%s: %d bytes are no firmware image: those are a multiple of 64 KiB, up to 16 MiB", c.BIOS, len(b))
	}
	m.boot.biosFile = b
	vga := c.VGABIOS
	if vga == "" {
		vga = filepath.Join(filepath.Dir(c.BIOS), "vgabios-stdvga.bin")
		if !m.fileExists(vga) {
			return nil // firmware without a display
		}
	}
	if m.boot.vgaROM, err = m.readFile(vga, maxVGA, "; give an option ROM"); err != nil {
		return err
	}
	if !bytes.HasPrefix(m.boot.vgaROM, []byte{0x55, 0xaa}) {
		return configError("%s: not an option ROM: it does not begin with 55h AAh", vga)
	}
	return nil
}

const moreMemory = "; give more with -m"

// readFile is the contents of a file that the guest is started from: of the
// host, or of the snapshot that the machine is restored from.
func (m *Machine) readFile(path string, limit uint64, advice string) ([]byte, error) {
	if m.boot.files == nil {
		m.boot.files = map[string][]byte{}
	}
	if m.cfg.saved != nil {
		b, ok := m.cfg.saved.files[path]
		if !ok {
			return nil, configError("%s: the snapshot does not hold this file", path)
		}
		m.boot.files[path] = b
		return b, nil
	}
	b, err := m.readHostFile(path, limit, advice)
	if err == nil {
		m.boot.files[path] = b
	}
	return b, err
}

func (m *Machine) fileExists(path string) bool {
	if m.cfg.saved != nil {
		return m.cfg.saved.files[path] != nil
	}
	_, err := os.Stat(path)
	return err == nil
}

// readHostFile reads a whole file of a sensible size; advice is for one beyond it.
func (m *Machine) readHostFile(path string, limit uint64, advice string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, configError("%s: no such file; check the path", path)
		}
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return nil, configError("%s: cannot open: %w", path, err)
	}
	defer f.Close()
	st, err := f.Stat()
	switch {
	case err != nil:
		return nil, configError("%s: %w", path, err)
	case st.IsDir():
		return nil, configError("%s: is a directory; give a file", path)
	case st.Size() > int64(limit):
		return nil, configError("%s: %d KiB are too much; at most %d KiB fit%s", path, (st.Size()+1023)>>10, limit>>10, advice)
	}
	b := m.room(st.Size())
	n, err := io.ReadFull(f, b)
	b = b[:n]
	switch err {
	case nil: // pipes and such are longer than they say
		var more []byte
		more, err = io.ReadAll(io.LimitReader(f, int64(limit)+1-int64(n)))
		b = append(b, more...)
	case io.EOF, io.ErrUnexpectedEOF:
		err = nil
	}
	switch {
	case err != nil:
		return nil, configError("%s: cannot read: %w", path, err)
	case uint64(len(b)) > limit:
		return nil, configError("%s: more than the %d KiB that fit%s", path, limit>>10, advice)
	case len(b) == 0:
		return nil, configError("%s: the file is empty", path)
	}
	return b, nil
}

// openKernel prepares the direct boot, if there is one, and makes sure that it
// will succeed.
func (m *Machine) openKernel() error {
	c := &m.cfg
	b := &m.boot
	var data []byte
	name := c.Kernel
	switch {
	case name != "":
		var err error
		if data, err = m.readFile(name, c.Memory, moreMemory); err != nil {
			return err
		}
	case len(c.Disks)+len(c.CDROMs)+len(c.Floppies) == 0 && c.BIOS == "" && c.Boot == "":
		name, data = demo.Name, demo.Kernel
	}
	if name == "" || name == demo.Name && c.Kernel == "" {
		switch {
		case c.Initrd != "":
			return usageError("--initrd needs a kernel: give one with --kernel")
		case len(c.Modules) > 0:
			return usageError("modules need a Multiboot kernel: give one with --kernel")
		case c.Append != "" && name == "":
			return usageError("--append needs a kernel: give one with --kernel")
		}
	}
	if name == "" {
		return nil
	}
	if c.BIOS != "" {
		return usageError("--kernel is started by the embedded BIOS: leave out --bios, or boot %s from a disk", name)
	}
	var err error
	if multiboot.HasHeader(data) && !linux.IsKernel(data) {
		err = m.planMultiboot(name, data)
	} else {
		err = m.planLinux(name, data)
	}
	if err != nil {
		return err
	}
	b.kernel = name
	_, err = b.load(nowhere{})
	return asConfig(err)
}

// nowhere takes what a trial of loading writes.
type nowhere struct{}

func (nowhere) WriteAt([]byte, uint64) {}

func (m *Machine) e820() []direct.E820 {
	var l []direct.E820
	for _, e := range e820.Map(m.cfg.Memory) {
		l = append(l, direct.E820{Addr: e.Base, Size: e.Size, Type: uint32(e.Type)})
	}
	return l
}

func (m *Machine) planLinux(name string, data []byte) error {
	c := &m.cfg
	if len(c.Modules) > 0 {
		return usageError("%s is a Linux kernel, which takes an --initrd instead of modules", name)
	}
	k, err := linux.Parse(name, data)
	if err != nil {
		return asConfig(err)
	}
	p := linux.Params{Long: m.model.Has(isa.LM), CommandLine: c.Append, InitrdName: c.Initrd, E820: m.e820()}
	if c.Initrd != "" {
		if p.Initrd, err = m.readFile(c.Initrd, c.Memory, moreMemory); err != nil {
			return err
		}
	}
	m.boot.load = func(mem direct.Memory) (direct.Entry, error) { return k.Load(mem, p) }
	return nil
}

func (m *Machine) planMultiboot(name string, data []byte) error {
	c := &m.cfg
	if c.Initrd != "" {
		return usageError("%s is a Multiboot kernel, which takes modules instead of an --initrd", name)
	}
	k, err := multiboot.Parse(name, data)
	if err != nil {
		return asConfig(err)
	}
	p := multiboot.Params{CommandLine: c.Append, E820: m.e820()}
	for _, s := range c.Modules {
		path, args, _ := strings.Cut(s, " ")
		data, err := m.readFile(path, c.Memory, moreMemory)
		if err != nil {
			return err
		}
		p.Modules = append(p.Modules, multiboot.Module{Path: path, Args: args, Data: data})
	}
	m.boot.load = func(mem direct.Memory) (direct.Entry, error) { return k.Load(mem, p) }
	return nil
}

// buildBIOS makes the embedded BIOS.
func (m *Machine) buildBIOS() error {
	hw := firmware.Hardware{
		Bus: m.bus, Video: m.vga, Drives: m.biosDrives(), Now: m.clk.Now,
		Font8: font.Font8x8(), Font14: font.Font8x14(), Font16: font.Font8x16(),
	}
	if m.boot.load != nil {
		hw.DirectBoot = func(firmware.CPU) {
			m.stop.enter = true
			m.interrupt()
		}
	}
	var err error
	m.bios, err = firmware.New(firmware.Config{Memory: m.cfg.Memory, CPUs: m.cfg.CPUs, Boot: m.boot.order.kinds,
		Menu: m.boot.order.menu, Version: Version}, hw)
	return err
}

// guestMemory is the bus as a loader's memory.
type guestMemory struct{ m *Machine }

func (g guestMemory) WriteAt(p []byte, pa uint64) { g.m.bus.WritePhys(pa, p) }

// enter loads the kernel of the direct boot and puts processor 0 at its entry.
func (m *Machine) enter() error {
	e, err := m.boot.load(guestMemory{m})
	m.rest()
	if err != nil {
		return fmt.Errorf("direct boot: %w", err)
	}
	const (
		real16                             = 0x0093
		real16Code, code32, data32, code64 = 0x009b, 0xc09b, 0xc093, 0xa09b
	)
	c := m.cpus[0]
	s := c.Pull()
	s.GPR = [len(s.GPR)]uint64{}
	s.RFLAGS, s.RIP = cpu.Flag1, e.RIP
	s.GPR[cpu.RAX], s.GPR[cpu.RBX], s.GPR[cpu.RSI], s.GPR[cpu.RSP] = e.RAX, e.RBX, e.RSI, e.RSP
	s.CR0, s.CR3, s.CR4, s.EFER = e.CR0, e.CR3, e.CR4, e.EFER
	code, data, limit := uint16(code32), uint16(data32), uint32(0xffffffff)
	s.IDTR = cpu.Table{}
	switch e.Mode {
	case direct.Real16:
		code, data, limit = real16Code, real16, 0xffff
		s.IDTR = cpu.Table{Limit: 0x3ff}
	case direct.Long64:
		code = code64
	}
	s.Seg[cpu.CS] = cpu.Segment{Sel: e.CS.Selector, Base: e.CS.Base, Limit: limit, Attr: code}
	for _, r := range []int{cpu.SS, cpu.DS, cpu.ES, cpu.FS, cpu.GS} {
		s.Seg[r] = cpu.Segment{Sel: e.DS.Selector, Base: e.DS.Base, Limit: limit, Attr: data}
	}
	s.GDTR = cpu.Table{Base: e.GDTBase, Limit: e.GDTLimit}
	c.Refresh()
	return nil
}
