package machine

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/zstd"
)

// The snapshot file (docs/snapshots.md): all numbers little-endian.
//
//	00h  magic "g86snap\n"
//	08h  version of the format, 4 bytes
//	0Ch  CRC-32C of the 12 bytes before
//	10h  sections, one behind the other; the last is called "end"
//
// A section is
//
//	00h  name, 16 bytes, zero-padded
//	10h  encoding: 0 as it is, 1 zstd
//	11h  zero, 7 bytes
//	18h  where its data belongs; of RAM the offset in it
//	20h  length of the data as stored
//	28h  length of the data as it is
//	30h  CRC-32C of the stored data
//	34h  CRC-32C of the 52 bytes before
//	38h  the data
const (
	snapMagic     = "g86snap\n"
	snapVersion   = 1
	fileHeader    = 16
	sectionHeader = 56
	nameSize      = 16

	encodingRaw  = 0
	encodingZstd = 1

	// Limits that no honest file reaches: a damaged one must not exhaust the host.
	maxSection  = 1 << 31
	maxSections = 1 << 18
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// section is one section's header and where its data stands in the file.
type section struct {
	name     string
	encoding byte
	place    uint64
	stored   uint64 // bytes in the file
	size     uint64 // bytes of the data
	crc      uint32
	at       int64 // of the stored data
}

func (s *section) header() []byte {
	b := make([]byte, sectionHeader)
	copy(b, s.name)
	b[0x10] = s.encoding
	le.PutUint64(b[0x18:], s.place)
	le.PutUint64(b[0x20:], s.stored)
	le.PutUint64(b[0x28:], s.size)
	le.PutUint32(b[0x30:], s.crc)
	le.PutUint32(b[0x34:], crc32.Checksum(b[:0x34], castagnoli))
	return b
}

// encoder and decoder are shared: both are safe for concurrent use of the All
// functions.
var (
	zstdEncoder, _ = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false))
	zstdDecoder, _ = zstd.NewReader(nil, zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderConcurrency(0))
)

// pack makes a section of data: compressed where that makes it smaller.
func pack(name string, place uint64, data []byte) (section, []byte) {
	return packInto(make([]byte, 0, len(data)/4+64), name, place, data)
}

// packInto is pack with room for what comes of it.
func packInto(room []byte, name string, place uint64, data []byte) (section, []byte) {
	s := section{name: name, place: place, size: uint64(len(data)), encoding: encodingZstd}
	body := zstdEncoder.EncodeAll(data, room)
	if len(body) >= len(data)-len(data)/16 { // not worth the time to unpack it
		s.encoding, body = encodingRaw, data
	}
	s.stored, s.crc = uint64(len(body)), crc32.Checksum(body, castagnoli)
	return s, body
}

// snapWriter writes the file's header and sections.
type snapWriter struct{ w io.Writer }

func (s snapWriter) start() error {
	b := append([]byte(snapMagic), 0, 0, 0, 0)
	le.PutUint32(b[8:], snapVersion)
	_, err := s.w.Write(le.AppendUint32(b, crc32.Checksum(b, castagnoli)))
	return err
}

func (s snapWriter) section(h section, body []byte) error {
	if _, err := s.w.Write(h.header()); err != nil {
		return err
	}
	_, err := s.w.Write(body)
	return err
}

func (s snapWriter) put(name string, place uint64, data []byte) error {
	if len(name) > nameSize || len(data) > maxSection {
		return &ConfigError{StatusConfig, fmt.Errorf("%s holds %d bytes, more than fit into a snapshot", name, len(data))}
	}
	h, body := pack(name, place, data)
	return s.section(h, body)
}

func (s snapWriter) end() error { return s.section(section{name: sectEnd}, nil) }

// damaged is the error for a file that is not as it was written.
func damaged(format string, a ...any) error {
	return fmt.Errorf("the snapshot is damaged: "+format+"; take it again or fetch an intact copy", a...)
}

// readIndex reads and checks all headers.
func readIndex(r io.ReaderAt, size int64) ([]section, error) {
	var head [fileHeader]byte
	if n, err := r.ReadAt(head[:], 0); n < fileHeader {
		if n >= len(snapMagic) && string(head[:len(snapMagic)]) == snapMagic {
			return nil, damaged("it ends after %d bytes", n)
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		return nil, errors.New("not a snapshot; name a file that savevm wrote")
	}
	switch v := le.Uint32(head[8:]); {
	case string(head[:8]) != snapMagic:
		return nil, errors.New("not a snapshot; name a file that savevm wrote")
	case crc32.Checksum(head[:12], castagnoli) != le.Uint32(head[12:]):
		return nil, damaged("its first 16 bytes have a wrong checksum")
	case v != snapVersion:
		return nil, fmt.Errorf("the snapshot has format %d, which this g86 (%s, format %d) does not read; use the g86 that wrote it", v, Version, snapVersion)
	}
	var list []section
	at := int64(fileHeader)
	for len(list) < maxSections {
		var b [sectionHeader]byte
		if n, err := r.ReadAt(b[:], at); n < len(b) {
			if err != nil && !errors.Is(err, io.EOF) {
				return nil, err
			}
			return nil, damaged("it is cut off: it ends at byte %d, before its last section", size)
		}
		if crc32.Checksum(b[:0x34], castagnoli) != le.Uint32(b[0x34:]) {
			return nil, damaged("the header of section %d, at byte %d, has a wrong checksum", len(list)+1, at)
		}
		s := section{name: cString(b[:nameSize]), encoding: b[0x10], place: le.Uint64(b[0x18:]), stored: le.Uint64(b[0x20:]),
			size: le.Uint64(b[0x28:]), crc: le.Uint32(b[0x30:]), at: at + sectionHeader}
		if s.encoding > encodingZstd || s.stored > maxSection || s.size > maxSection || s.encoding == encodingRaw && s.stored != s.size {
			return nil, damaged("section %q has an impossible header", s.name)
		}
		if s.at+int64(s.stored) > size {
			return nil, damaged("it is cut off: section %q ends at byte %d, the file at %d", s.name, s.at+int64(s.stored), size)
		}
		at = s.at + int64(s.stored)
		if s.name == sectEnd {
			if at != size {
				return nil, damaged("%d bytes follow its end", size-at)
			}
			return list, nil
		}
		list = append(list, s)
	}
	return nil, damaged("it has more than %d sections", maxSections)
}

func cString(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}

// read fetches a section's stored bytes, into buf if there is room, and checks
// them.
func (s *section) read(r io.ReaderAt, buf []byte) ([]byte, error) {
	b := buf[:0]
	if uint64(cap(b)) < s.stored {
		b = make([]byte, 0, s.stored)
	}
	b = b[:s.stored]
	if n, err := r.ReadAt(b, s.at); n < len(b) {
		if err == nil || errors.Is(err, io.EOF) {
			return nil, damaged("it ends within section %q", s.name)
		}
		return nil, err
	}
	if crc32.Checksum(b, castagnoli) != s.crc {
		return nil, damaged("section %s has a wrong checksum", s.label())
	}
	return b, nil
}

// label names the section in messages.
func (s *section) label() string {
	if s.name == sectRAM {
		return fmt.Sprintf("%q at %#x", s.name, s.place)
	}
	return fmt.Sprintf("%q", s.name)
}

// data fetches a section's data into dst, which has room for it or is nil.
func (s *section) data(r io.ReaderAt, dst []byte) ([]byte, error) {
	if s.encoding == encodingRaw {
		return s.read(r, dst)
	}
	buf := chunkBuffers.Get().(*[]byte)
	defer chunkBuffers.Put(buf)
	b, err := s.read(r, *buf)
	if err != nil {
		return nil, err
	}
	if uint64(cap(dst)) < s.size {
		dst = make([]byte, 0, s.size)
	}
	out, err := zstdDecoder.DecodeAll(b, dst[:0])
	if err != nil || uint64(len(out)) != s.size {
		return nil, damaged("section %s does not unpack", s.label())
	}
	return out, nil
}
