package disk

import "sort"

// blockSize is the overlay's granularity: a page, the unit most guests write.
const blockSize = 4096

// overlay holds the blocks that differ from the file below.
type overlay struct{ blocks map[int64]*[blockSize]byte }

type savedOverlay struct {
	Size     int64
	Snapshot bool
	Blocks   []savedBlock
}

type savedBlock struct {
	Index int64
	Data  []byte
}

func newOverlay() *overlay { return &overlay{blocks: map[int64]*[blockSize]byte{}} }

type readFn func(p []byte, off int64) (int, error)

// read fills p, joining runs of unchanged blocks into one read of the base.
func (o *overlay) read(p []byte, off int64, base readFn) (int, error) {
	done := 0
	for done < len(p) {
		at := off + int64(done)
		if b := o.blocks[at/blockSize]; b != nil {
			done += copy(p[done:], b[at%blockSize:])
			continue
		}
		end := (at/blockSize + 1) * blockSize
		for end < off+int64(len(p)) && o.blocks[end/blockSize] == nil {
			end += blockSize
		}
		run := p[done:min(int64(len(p)), end-off)]
		n, err := base(run, at)
		done += n
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// write stores p; a block written for the first time and only in part starts
// as a copy of the base.
func (o *overlay) write(p []byte, off, size int64, base readFn) (int, error) {
	done := 0
	for done < len(p) {
		at := off + int64(done)
		i, in := at/blockSize, at%blockSize
		b := o.blocks[i]
		if b == nil {
			b = new([blockSize]byte)
			if in != 0 || len(p)-done < blockSize {
				if _, err := base(b[:min(blockSize, size-i*blockSize)], i*blockSize); err != nil {
					return done, err
				}
			}
			o.blocks[i] = b
		}
		done += copy(b[in:], p[done:])
	}
	return done, nil
}

// sorted lists the blocks in order, so that equal machines save equal bytes.
func (o *overlay) sorted() []savedBlock {
	l := make([]savedBlock, 0, len(o.blocks))
	for i, b := range o.blocks {
		l = append(l, savedBlock{i, b[:]})
	}
	sort.Slice(l, func(a, b int) bool { return l[a].Index < l[b].Index })
	return l
}
