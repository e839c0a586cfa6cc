package disk

import "encoding/binary"

// CHS is a geometry: numbers of cylinders, heads and sectors per track.
type CHS struct{ Cylinders, Heads, Sectors int }

// Total is the number of sectors addressable by CHS.
func (g CHS) Total() int64 { return int64(g.Cylinders) * int64(g.Heads) * int64(g.Sectors) }

// Geometry gives a disk's two geometries: the one its ATA interface reports
// (at most 16383/16/63), and the one that INT 13h uses (at most 1024/255/63). If
// the disk is partitioned the partition table's own view is kept, so that boot
// loaders written to it find their sectors.
func Geometry(d Backend) (ata, bios CHS) {
	total := d.Size() / 512
	ata = clampATA(total, 16, 63)
	heads, sectors, ok := partitionGeometry(d)
	if ok && heads <= 16 {
		ata = clampATA(total, heads, sectors)
	}
	switch {
	case ok:
	case ata.Cylinders <= 1024:
		heads, sectors = ata.Heads, ata.Sectors
	default: // LBA-assisted translation: the fewest heads that reach everything
		heads, sectors = 255, 63
		for _, h := range []int{16, 32, 64, 128} {
			if total <= int64(1024*63*h) {
				heads = h
				break
			}
		}
	}
	bios = CHS{int(min(1024, max(1, total/int64(heads*sectors)))), heads, sectors}
	return ata, bios
}

func clampATA(total int64, heads, sectors int) CHS {
	return CHS{int(min(16383, max(1, total/int64(heads*sectors)))), heads, sectors}
}

// partitionGeometry reads heads and sectors off the end of the first partition
// whose CHS and LBA fields agree with them.
func partitionGeometry(d Backend) (heads, sectors int, ok bool) {
	var mbr [512]byte
	if d.Size() < 512 {
		return 0, 0, false
	}
	if _, err := d.ReadAt(mbr[:], 0); err != nil || mbr[510] != 0x55 || mbr[511] != 0xaa {
		return 0, 0, false
	}
	for e := mbr[0x1be:0x1fe]; len(e) > 0; e = e[16:] {
		start, n := int64(binary.LittleEndian.Uint32(e[8:])), int64(binary.LittleEndian.Uint32(e[12:]))
		if e[0]&0x7f != 0 || e[4] == 0 || e[4] == 0xee || n == 0 {
			continue
		}
		h, s := int(e[5])+1, int(e[6]&0x3f)
		cyl := int64(e[6]&0xc0)<<2 | int64(e[7])
		if h < 2 || h > 255 || s == 0 {
			continue
		}
		end := (cyl*int64(h)+int64(e[5]))*int64(s) + int64(s) - 1
		if end == start+n-1 || cyl == 1023 && start+n > 1023*int64(h*s) {
			return h, s, true
		}
	}
	return 0, 0, false
}

// FloppyFormat is a diskette format.
type FloppyFormat struct {
	CHS
	DriveType byte // as in CMOS 10h: 1 360K, 2 1.2M, 3 720K, 4 1.44M, 5 2.88M
	Rate      byte // data rate as in DSR and CCR: 0 500, 1 300, 2 250, 3 1000 kbit/s
}

// Size is the format's capacity in bytes.
func (f FloppyFormat) Size() int64 { return f.Total() * 512 }

const maxFloppy = 80 * 2 * 36 * 512

// FloppyFormats lists the known formats, smallest first.
var FloppyFormats = []FloppyFormat{
	{CHS{40, 1, 8}, 1, 2},  // 160K
	{CHS{40, 1, 9}, 1, 2},  // 180K
	{CHS{40, 2, 8}, 1, 2},  // 320K
	{CHS{40, 2, 9}, 1, 2},  // 360K
	{CHS{80, 2, 9}, 3, 2},  // 720K
	{CHS{80, 2, 15}, 2, 0}, // 1.2M
	{CHS{80, 2, 18}, 4, 0}, // 1.44M
	{CHS{82, 2, 18}, 4, 0}, // 1.48M
	{CHS{80, 2, 20}, 4, 0}, // 1.6M
	{CHS{80, 2, 21}, 4, 0}, // 1.68M (DMF)
	{CHS{82, 2, 21}, 4, 0}, // 1.72M
	{CHS{80, 2, 36}, 5, 3}, // 2.88M
}

// FloppyFormatFor is the format of exactly size bytes. An image that is no whole
// diskette counts as the start of a 1.44M one, or of the next larger.
func FloppyFormatFor(size int64) FloppyFormat {
	last := FloppyFormats[len(FloppyFormats)-1]
	for _, f := range FloppyFormats {
		if f.Size() == size {
			return f
		}
		if f.Size() > size && f.DriveType == 4 && last.DriveType != 4 {
			last = f
		}
	}
	return last
}
