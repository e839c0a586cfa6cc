package firmware

import "encoding/binary"

const sectorSize = 512

// unit is a drive as INT 13h sees it: a Drive or an image on a CD.
type unit struct {
	kind                 Kind
	media                Disk  // nil: no medium
	sector               int   // bytes
	offset               int64 // of an emulated drive within the CD
	size                 int64 // bytes
	cyls, heads, sectors int
	drive                *Drive
	readOnly             bool
}

// emulation is an El Torito boot image that stands in for a drive.
type emulation struct {
	Active               bool
	Media                byte   // 0 none, 1 1.2M, 2 1.44M, 3 2.88M, 4 hard disk
	Drive                byte   // BIOS number given to it
	CD                   byte   // index of the CD drive
	LBA                  uint32 // of the image, in 2048-byte sectors
	Segment, SectorCount uint16
	Cyls, Heads, Sectors uint16
}

// firstCD is the BIOS number of the first CD-ROM drive.
const firstCD = 0xe0

// drives lists the drives of a kind in BIOS order, without emulated ones.
func (b *BIOS) drives(k Kind) []*unit {
	var l []*unit
	for i := range b.hw.Drives {
		if d := &b.hw.Drives[i]; d.Kind == k {
			l = append(l, newUnit(d))
		}
	}
	return l
}

func newUnit(d *Drive) *unit {
	u := &unit{kind: d.Kind, drive: d, sector: sectorSize, cyls: d.Cylinders, heads: d.Heads, sectors: d.Sectors}
	if d.Media != nil {
		u.media = d.Media()
	}
	if u.media == nil {
		return u
	}
	u.size, u.readOnly = u.media.Size(), u.media.ReadOnly()
	switch d.Kind {
	case CDROM:
		u.sector, u.readOnly = 2048, true
	case Floppy:
		if u.heads == 0 || u.sectors == 0 || u.cyls == 0 || int64(u.cyls*u.heads*u.sectors*sectorSize) != u.size {
			u.floppyGeometry()
		}
	case HardDisk:
		if u.cyls <= 0 || u.heads <= 0 || u.sectors <= 0 || u.cyls > 1024 || u.heads > 255 || u.sectors > 63 {
			u.diskGeometry()
		}
	}
	return u
}

// floppyGeometry recognises the standard formats by size; anything else counts
// as 1.44 MB, or 2.88 MB if larger.
func (u *unit) floppyGeometry() {
	for _, g := range [][3]int{
		{40, 1, 8}, {40, 1, 9}, {40, 2, 8}, {40, 2, 9}, {80, 2, 9}, {80, 2, 15}, {80, 2, 18},
		{82, 2, 18}, {80, 2, 20}, {80, 2, 21}, {82, 2, 21}, {80, 2, 36},
	} {
		if int64(g[0]*g[1]*g[2]*sectorSize) == u.size {
			u.cyls, u.heads, u.sectors = g[0], g[1], g[2]
			return
		}
	}
	u.cyls, u.heads, u.sectors = 80, 2, 18
	if u.size > 80*2*18*sectorSize {
		u.sectors = 36
	}
}

// diskGeometry is the LBA-assisted translation: the fewest heads of 16, 32, 64,
// 128, 255 with which 1024 cylinders of 63 sectors reach the whole disk.
func (u *unit) diskGeometry() {
	total := u.size / sectorSize
	u.sectors, u.heads = 63, 255
	for _, h := range []int{16, 32, 64, 128} {
		if total <= int64(1024*63*h) {
			u.heads = h
			break
		}
	}
	u.cyls = int(max(1, min(1024, total/int64(63*u.heads))))
}

type chs struct{ cyls, heads, sectors int }

// physical is the geometry that the drive itself reports.
func (u *unit) physical() chs {
	if u.heads <= 16 && u.cyls < 1024 {
		return chs{u.cyls, u.heads, u.sectors}
	}
	return chs{int(min(16383, u.size/sectorSize/(16*63))), 16, 63}
}

// total is the number of sectors.
func (u *unit) total() int64 { return u.size / int64(u.sector) }

// find is the drive with a BIOS number, or nil.
func (b *BIOS) find(dl byte) *unit {
	e := &b.state.Emul
	if e.Active && dl == e.Drive {
		return b.emulated()
	}
	kind, i := Floppy, int(dl)
	switch {
	case dl >= firstCD:
		kind, i = CDROM, int(dl-firstCD)
	case dl >= 0x80:
		kind, i = HardDisk, int(dl-0x80)
	}
	// An emulated drive moves the real ones of its kind up by one.
	if e.Active && (e.Media >= 1 && e.Media <= 3 && kind == Floppy || e.Media == 4 && kind == HardDisk) {
		i--
	}
	if l := b.drives(kind); i >= 0 && i < len(l) {
		return l[i]
	}
	return nil
}

// count is the number of drives of a kind that INT 13h reports.
func (b *BIOS) count(k Kind) byte {
	n := len(b.drives(k))
	if e := b.state.Emul; e.Active && (e.Media == 4 && k == HardDisk || e.Media >= 1 && e.Media <= 3 && k == Floppy) {
		n++
	}
	return byte(n)
}

// emulated is the drive that El Torito emulation provides.
func (b *BIOS) emulated() *unit {
	e := b.state.Emul
	cds := b.drives(CDROM)
	if int(e.CD) >= len(cds) {
		return nil
	}
	cd := cds[e.CD]
	if e.Media == 0 {
		return cd
	}
	u := &unit{kind: Floppy, media: cd.media, sector: sectorSize, offset: int64(e.LBA) * 2048, readOnly: true,
		cyls: int(e.Cyls), heads: int(e.Heads), sectors: int(e.Sectors), drive: cd.drive}
	u.size = int64(u.cyls*u.heads*u.sectors) * sectorSize
	if e.Media == 4 {
		u.kind = HardDisk
	}
	return u
}

// INT 13h status codes.
const (
	diskOK         = 0x00
	diskBadCommand = 0x01
	diskProtected  = 0x03
	diskNotFound   = 0x04
	diskBadMedia   = 0x0c
	diskCRC        = 0x10
	diskNotReady   = 0x31 // no media in drive
	diskTimeout    = 0x80
	diskNotEject   = 0xb2
)

// readSectors and writeSectors move whole sectors. Floppy images may be shorter
// than their format; the rest reads as zero.
func (u *unit) readSectors(lba int64, p []byte) byte {
	off, n := lba*int64(u.sector), int64(len(p))
	if u.media == nil {
		return diskNotReady
	}
	if lba < 0 || off+n > u.limit() {
		return diskNotFound
	}
	off += u.offset
	if short := off + n - u.media.Size(); short > 0 {
		clear(p[max(0, n-short):])
		n = max(0, n-short)
	}
	if n > 0 {
		if _, err := u.media.ReadAt(p[:n], off); err != nil {
			return diskCRC
		}
	}
	return diskOK
}

func (u *unit) writeSectors(lba int64, p []byte) byte {
	off := lba*int64(u.sector) + u.offset
	switch {
	case u.media == nil:
		return diskNotReady
	case u.readOnly:
		return diskProtected
	case lba < 0 || off+int64(len(p)) > min(u.limit(), u.media.Size()):
		return diskNotFound
	}
	if _, err := u.media.WriteAt(p, off); err != nil {
		return diskCRC
	}
	return diskOK
}

// limit is the size of the drive in bytes as far as INT 13h lets accesses go.
func (u *unit) limit() int64 {
	if u.kind == Floppy {
		return int64(u.cyls*u.heads*u.sectors) * sectorSize
	}
	return u.size
}

// lbaOf converts cylinder (CH and bits 7-6 of CL), head and sector.
func (u *unit) lbaOf(f *frame) (lba int64, ok bool) {
	cyl := int(f.ch()) | int(f.cl()&0xc0)<<2
	head, sector := int(f.dh()), int(f.cl()&0x3f)
	if sector == 0 || sector > u.sectors || head >= u.heads || cyl >= u.cyls && u.kind == Floppy {
		return 0, false
	}
	return (int64(cyl)*int64(u.heads)+int64(head))*int64(u.sectors) + int64(sector) - 1, true
}

// partitionGeometry is heads and sectors of an emulated hard disk, from the end
// of its partition.
func partitionGeometry(mbr []byte) (c chs) {
	e := mbr[0x1be:]
	c.heads, c.sectors = int(e[5])+1, int(e[6]&0x3f)
	c.cyls = int(e[6]&0xc0)<<2 | int(e[7]) + 1
	if end := int64(binary.LittleEndian.Uint32(e[8:])) + int64(binary.LittleEndian.Uint32(e[12:])); c.sectors > 0 {
		if need := int((end + int64(c.heads*c.sectors) - 1) / int64(c.heads*c.sectors)); need > c.cyls && need <= 1024 {
			c.cyls = need
		}
	}
	return c
}
