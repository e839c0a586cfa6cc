// Package image recognises what kind of bootable file a user gave, by its
// content. What cannot be booted gets an error that says what to do about it.
package image

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"g86/firmware/linux"
	"g86/firmware/multiboot"
)

// Kind is what a file is.
type Kind int

const (
	Unknown   Kind = iota
	BzImage        // Linux kernel, or what uses its boot protocol
	Multiboot      // Multiboot 1 kernel, ELF or a.out kludge
	CDROM          // ISO 9660 with an El Torito boot record
	Floppy         // boot sector and a floppy's size
	Disk           // boot sector, larger or with partitions
)

func (k Kind) String() string {
	return [...]string{"unknown", "Linux kernel", "Multiboot kernel", "CD image", "floppy image", "disk image"}[k]
}

// headSize covers everything looked at: the ISO 9660 volume descriptors in
// sectors 16 and 17 lie farthest.
const headSize = 18 * 2048

// Detect recognises the file at path.
func Detect(path string) (Kind, error) {
	f, err := os.Open(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return Unknown, fmt.Errorf("%s: no such file; check the path", path)
		}
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return Unknown, fmt.Errorf("%s: cannot open: %w", path, err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return Unknown, fmt.Errorf("%s: %w", path, err)
	}
	switch {
	case st.IsDir():
		return Unknown, fmt.Errorf("%s: is a directory; give a kernel, disk, CD or floppy image", path)
	case !st.Mode().IsRegular():
		return Unknown, fmt.Errorf("%s: not a regular file; attach a block device with --disk", path)
	}
	head, err := io.ReadAll(io.LimitReader(f, headSize))
	if err != nil {
		return Unknown, fmt.Errorf("%s: cannot read: %w", path, err)
	}
	k, err := Recognise(head, st.Size())
	if err != nil {
		return Unknown, fmt.Errorf("%s: %w", path, err)
	}
	return k, nil
}

// foreign lists formats that are told apart by a magic number only to say what
// to do with them.
var foreign = []struct {
	offset int
	magic  string
	advice string
}{
	{0, "\x1f\x8b", "compressed with gzip; unpack it with gunzip"},
	{0, "\xfd7zXZ\x00", "compressed with xz; unpack it with unxz"},
	{0, "\x28\xb5\x2f\xfd", "compressed with zstd; unpack it with unzstd"},
	{0, "BZh", "compressed with bzip2; unpack it with bunzip2"},
	{0, "PK\x03\x04", "a ZIP archive; unpack it with unzip"},
	{0, "QFI\xfb", "a qcow2 image; convert it with qemu-img convert -O raw"},
	{0, "KDMV", "a VMDK image; convert it with qemu-img convert -O raw"},
	{0, "# Disk DescriptorFile", "a VMDK descriptor; convert it with qemu-img convert -O raw"},
	{0x40, "\x7f\x10\xda\xbe", "a VDI image; convert it with qemu-img convert -O raw"},
	{0, "conectix", "a VHD image; convert it with qemu-img convert -O raw"},
	{0, "vhdxfile", "a VHDX image; convert it with qemu-img convert -O raw"},
}

// Recognise decides by a file's first bytes (at least 36 KiB, or all it has)
// and its size.
func Recognise(head []byte, size int64) (Kind, error) {
	if size == 0 || len(head) == 0 {
		return Unknown, errors.New("the file is empty; give a kernel, disk, CD or floppy image")
	}
	for _, f := range foreign {
		if len(head) >= f.offset && bytes.HasPrefix(head[f.offset:], []byte(f.magic)) {
			return Unknown, errors.New(f.advice)
		}
	}
	switch {
	// A CD first: hybrid ones also have a partition table.
	case has(head, 0x8001, "CD001"):
		return elTorito(head)
	case linux.IsKernel(head):
		return BzImage, nil
	case multiboot.IsELF(head):
		if multiboot.HasHeader(head) {
			return Multiboot, nil
		}
		return Unknown, errors.New("an ELF file without a Multiboot header" + multiboot2(head) + "; give a bzImage or a Multiboot kernel")
	// Before a Multiboot header outside ELF: GRUB's boot code on a disk has one.
	case has(head, 510, "\x55\xaa"):
		if size <= largestFloppy && !partitioned(head, size) {
			return Floppy, nil
		}
		return Disk, nil
	case multiboot.HasHeader(head):
		return Multiboot, nil
	case floppySizes[size]:
		return Unknown, errors.New("a floppy's size but no boot signature (55h AAh at offset 510); attach it with --floppy and boot something else")
	}
	return Unknown, fmt.Errorf("not recognised as a kernel, disk, CD or floppy image%s; name its kind with --kernel, --disk, --cdrom or --floppy", multiboot2(head))
}

func has(head []byte, at int, magic string) bool {
	return len(head) >= at+len(magic) && string(head[at:at+len(magic)]) == magic
}

// elTorito looks for the boot record volume descriptor, which has its fixed
// place in sector 17 ("El Torito" Bootable CD-ROM Format Specification 1.0,
// 2.0).
func elTorito(head []byte) (Kind, error) {
	if has(head, 0x8800, "\x00CD001\x01EL TORITO SPECIFICATION") {
		return CDROM, nil
	}
	return Unknown, errors.New("a CD image without an El Torito boot record; attach it with --cdrom and boot something else")
}

const largestFloppy = 2880 << 10

// floppySizes are the capacities of PC floppies, in bytes.
var floppySizes = map[int64]bool{
	160 << 10: true, 180 << 10: true, 320 << 10: true, 360 << 10: true, 720 << 10: true,
	1200 << 10: true, 1440 << 10: true, 1680 << 10: true, 1722 << 10: true, largestFloppy: true,
}

// partitioned tells whether the boot sector is an MBR: every entry has a valid
// status byte and at least one describes sectors of this disk.
func partitioned(head []byte, size int64) bool {
	found := false
	for at := 0x1BE; at < 0x1FE; at += 16 {
		e := head[at : at+16]
		if e[0]&0x7F != 0 {
			return false
		}
		start, count := binary.LittleEndian.Uint32(e[8:]), binary.LittleEndian.Uint32(e[12:])
		if e[4] != 0 && start != 0 && count != 0 && int64(start) < (size+511)/512 {
			found = true
		}
	}
	return found
}

// multiboot2 adds a word for files made for Multiboot 2 (magic E85250D6h in the
// first 32 KiB).
func multiboot2(head []byte) string {
	for at := 0; at+4 <= min(len(head), 32<<10); at += 8 {
		if binary.LittleEndian.Uint32(head[at:]) == 0xE85250D6 {
			return " (it has a Multiboot 2 one, which GRUB on a disk or CD can boot)"
		}
	}
	return ""
}
