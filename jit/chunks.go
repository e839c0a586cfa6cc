//go:build linux && amd64

package jit

// chunks is a list that does not move what it holds when it grows: copies of long lists took
// as long as half of the translating.
type chunks[T any] struct {
	list [][]T
	n    int
}

const chunkBits = 12

func (c *chunks[T]) at(i int) *T { return &c.list[i>>chunkBits][i&(1<<chunkBits-1)] }

// add appends x and returns its number.
func (c *chunks[T]) add(x T) (i int) {
	i = c.n
	if i>>chunkBits == len(c.list) {
		c.list = append(c.list, make([]T, 1<<chunkBits))
	}
	c.n++
	*c.at(i) = x
	return i
}

// clear makes the elements from one number to another zero.
func (c *chunks[T]) clear(from, to int) {
	for ; from < to; from++ {
		var zero T
		*c.at(from) = zero
	}
}

// cut leaves the first n.
func (c *chunks[T]) cut(n int) {
	c.clear(n, c.n)
	c.n = n
}
