package linux

import (
	"encoding/binary"

	"g86/firmware/direct"
)

// Offsets in struct boot_params, the "zero page" (zero-page.rst). The setup
// header sits in it at its file offset.
const (
	zpVideoMode   = 0x006 // screen_info: BIOS mode
	zpVideoCols   = 0x007
	zpEGABX       = 0x00A // BX of INT 10h AH=12h BL=10h
	zpVideoLines  = 0x00E
	zpIsVGA       = 0x00F
	zpVideoPoints = 0x010 // scan lines of a character
	zpExtMem      = 0x002 // memory from 1 MiB in KiB, as INT 15h AH=88h
	zpRSDP        = 0x070
	zpAltMem      = 0x1E0 // memory from 1 MiB in KiB
	zpE820Count   = 0x1E8
	zpE820Table   = 0x2D0
	zpE820Max     = 128
	zeroPageSize  = 0x1000
)

// writeZeroPage writes boot_params and the command line it points to. What is
// not set is zero, the sentinel at 1EFh too: it tells the kernel that the page
// was cleared.
func (k *Kernel) writeZeroPage(mem direct.Memory, p Params, load, initrd uint64) {
	zp := make([]byte, zeroPageSize)
	le := binary.LittleEndian
	copy(zp[offSetupSects:zpE820Table], k.header())
	zp[offLoaderType] = loaderUndefined
	le.PutUint32(zp[offCode32:], uint32(load))
	le.PutUint32(zp[offRamdiskImage:], uint32(initrd))
	le.PutUint32(zp[offRamdiskSize:], uint32(len(p.Initrd)))
	le.PutUint32(zp[offCmdLinePtr:], cmdLineAddr)
	mem.WriteAt(append([]byte(p.CommandLine), 0), cmdLineAddr)

	// Text mode 3 of a colour VGA, as the BIOS leaves it.
	zp[zpVideoMode], zp[zpVideoCols], zp[zpVideoLines] = 3, 80, 25
	zp[zpIsVGA], zp[zpVideoPoints] = 1, 16
	le.PutUint16(zp[zpEGABX:], 3)

	upper := direct.Upper(p.E820)
	le.PutUint16(zp[zpExtMem:], uint16(min(upper, 0xFC00)))
	le.PutUint32(zp[zpAltMem:], upper)
	le.PutUint64(zp[zpRSDP:], p.RSDP)
	n := min(len(p.E820), zpE820Max)
	zp[zpE820Count] = byte(n)
	for i, e := range p.E820[:n] {
		at := zp[zpE820Table+20*i:]
		le.PutUint64(at, e.Addr)
		le.PutUint64(at[8:], e.Size)
		le.PutUint32(at[16:], e.Type)
	}
	mem.WriteAt(zp, zeroPageAddr)
}
