package machine

import (
	"encoding/binary"

	"g86/devices/fwcfg"
	"g86/firmware/acpi"
	"g86/firmware/e820"
)

// describe tells firmware of the user's what the board consists of, through
// fw_cfg as SeaBIOS expects it (QEMU, docs/specs/fw_cfg.rst).
func (m *Machine) describe() error {
	if m.bios != nil {
		return nil
	}
	f := m.fwcfg
	f.AddU64(fwcfg.KeyRAMSize, m.cfg.Memory)
	f.AddU16(fwcfg.KeyNBCPUs, uint16(m.cfg.CPUs))
	f.AddU16(fwcfg.KeyMaxCPUs, uint16(m.cfg.CPUs))
	f.AddU16(fwcfg.KeyNoGraphic, 0)
	f.AddU64(fwcfg.KeyNUMA, 0)
	f.AddU32(fwcfg.KeyIRQ0Override, 1)
	menu := uint16(0)
	if m.boot.order.menu {
		menu = 1
	}
	f.AddU16(fwcfg.KeyBootMenu, menu)

	// Only RAM: the firmware knows the rest.
	var table []byte
	low, high := e820.Split(m.cfg.Memory)
	for _, r := range [][2]uint64{{0, low}, {e820.HighBase, high}} {
		if r[1] > 0 {
			table = le.AppendUint64(table, r[0])
			table = le.AppendUint64(table, r[1])
			table = le.AppendUint32(table, uint32(e820.RAM))
		}
	}
	var w wiring
	w.do(f.Add("etc/e820", table))
	tables, rsdp, script := acpiFiles(m.cfg.CPUs)
	w.do(f.Add("etc/acpi/tables", tables))
	w.do(f.Add("etc/acpi/rsdp", rsdp))
	w.do(f.Add("etc/table-loader", script))
	return w.err
}

var le = binary.LittleEndian

// Commands of the ACPI linker/loader (QEMU, hw/acpi/bios-linker-loader.c): each
// takes 128 bytes of etc/table-loader.
const (
	loaderAllocate    = 1
	loaderAddPointer  = 2
	loaderAddChecksum = 3
	loaderEntry       = 128
	loaderName        = 56
	zoneHigh          = 1
	zoneFSeg          = 2
)

const (
	tablesFile = "etc/acpi/tables"
	rsdpFile   = "etc/acpi/rsdp"
)

// acpiFiles are the board's ACPI tables with offsets in place of addresses, and
// the script by which firmware turns one into the other.
func acpiFiles(cpus int) (tables, rsdp, script []byte) {
	t := acpi.Build(acpi.Config{CPUs: cpus, HPET: true})
	tables, rsdp = t.Blob, t.RSDP[:20] // revision 0: the loader's ROM segment copy is checked over 20 bytes
	rsdp = append([]byte(nil), rsdp...)
	rsdp[15] = 0
	rsdp[8] = 0

	command := func(n uint32, fields ...any) {
		e := le.AppendUint32(make([]byte, 0, loaderEntry), n)
		for _, x := range fields {
			switch x := x.(type) {
			case string:
				e = append(e, append([]byte(x), make([]byte, loaderName-len(x))...)...)
			case uint32:
				e = le.AppendUint32(e, x)
			case byte:
				e = append(e, x)
			}
		}
		script = append(script, append(e, make([]byte, loaderEntry-len(e))...)...)
	}
	pointer := func(file string, at int, size byte) {
		command(loaderAddPointer, file, tablesFile, uint32(at), size)
	}
	checksum := func(file string, at, start, n int) {
		command(loaderAddChecksum, file, uint32(at), uint32(start), uint32(n))
	}
	command(loaderAllocate, tablesFile, uint32(64), byte(zoneHigh))
	command(loaderAllocate, rsdpFile, uint32(16), byte(zoneFSeg))
	for at := 0; at+36 <= len(tables); {
		sig, n := string(tables[at:at+4]), int(le.Uint32(tables[at+4:]))
		if n < 36 || at+n > len(tables) {
			at++ // padding
			continue
		}
		switch sig {
		case "FACP":
			pointer(tablesFile, at+36, 4)
			pointer(tablesFile, at+40, 4)
			pointer(tablesFile, at+132, 8)
			pointer(tablesFile, at+140, 8)
		case "RSDT":
			for e := at + 36; e < at+n; e += 4 {
				pointer(tablesFile, e, 4)
			}
			copy(rsdp[16:], le.AppendUint32(nil, uint32(at)))
		case "XSDT":
			for e := at + 36; e < at+n; e += 8 {
				pointer(tablesFile, e, 8)
			}
		case "DSDT", "APIC", "HPET", "FACS":
		default:
			at++
			continue
		}
		if sig == "FACP" || sig == "RSDT" || sig == "XSDT" {
			checksum(tablesFile, at+9, at, n)
		}
		at += n
	}
	pointer(rsdpFile, 16, 4)
	checksum(rsdpFile, 8, 0, len(rsdp))
	return tables, rsdp, script
}

// Places in CMOS where firmware of the user's looks (SeaBIOS, src/hw/rtc.h).
const (
	cmosFloppies   = 0x10
	cmosEquipment  = 0x14
	cmosBaseKB     = 0x15
	cmosExtKB      = 0x17
	cmosExtKB2     = 0x30
	cmosExt64K     = 0x34 // 64 KiB units above 16 MiB
	cmosBootFlag1  = 0x38
	cmosBootFlag2  = 0x3d
	cmosHigh64K    = 0x5b // 64 KiB units above 4 GiB, three bytes
	cmosOtherCPUs  = 0x5f
	equipment      = 0x0e // coprocessor, PS/2 mouse, a VGA
	equipHasFloppy = 0x01
)

// fillCMOS writes the setup that a factory would. The embedded BIOS does it
// itself.
func (m *Machine) fillCMOS() {
	if m.bios != nil {
		return
	}
	set := func(at int, n int, v uint64) {
		for i := range n {
			m.rtc.SetCMOS(at+i, byte(v>>(8*i)))
		}
	}
	low, high := e820.Split(m.cfg.Memory)
	ext := min((low-1<<20)>>10, 0xffff)
	above16 := uint64(0)
	if low > 16<<20 {
		above16 = min((low-16<<20)>>16, 0xffff)
	}
	floppies, eq := m.floppy.DriveType(0)<<4|m.floppy.DriveType(1), byte(equipment)
	if floppies != 0 {
		eq |= equipHasFloppy
	}
	if floppies&0xf != 0 {
		eq |= 1 << 6
	}
	set(cmosFloppies, 1, uint64(floppies))
	set(cmosEquipment, 1, uint64(eq))
	set(cmosBaseKB, 2, 640)
	set(cmosExtKB, 2, ext)
	set(cmosExtKB2, 2, ext)
	set(cmosExt64K, 2, above16)
	set(cmosHigh64K, 3, high>>16)
	set(cmosOtherCPUs, 1, uint64(m.cfg.CPUs-1))

	// Boot order: a nibble for each choice.
	order := m.boot.order.kinds
	if order == nil {
		order = []string{"disk", "floppy", "cdrom"}
	}
	var nibbles uint64
	for i, k := range order {
		nibbles |= map[string]uint64{"floppy": 1, "disk": 2, "cdrom": 3}[k] << (4 * i)
	}
	set(cmosBootFlag2, 1, nibbles&0xff)
	set(cmosBootFlag1, 1, nibbles>>8<<4)
	m.rtc.UpdateChecksum()
}
