package mp

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTable(t *testing.T) {
	const base = 0xf1230
	for _, cpus := range []int{1, 2, 8} {
		b := Build(cpus, base)
		fp, tab := b[:16], b[16:]
		require.Equal(t, "_MP_", string(fp[:4]))
		require.Zero(t, sum(fp))
		require.EqualValues(t, base+16, le.Uint32(fp[4:]))
		require.Equal(t, "PCMP", string(tab[:4]))
		require.EqualValues(t, len(tab), le.Uint16(tab[4:]))
		require.Zero(t, sum(tab))

		count := map[byte]int{}
		boot, n := 0, 0
		last := byte(0)
		timer := byte(0xff)
		for e := tab[44:]; len(e) > 0; n++ {
			require.GreaterOrEqual(t, e[0], last, "entries are sorted by type")
			last = e[0]
			count[e[0]]++
			size := 8
			switch e[0] {
			case 0:
				size = 20
				boot += int(e[3] >> 1 & 1)
			case 2:
				require.Equal(t, IOAPICID(cpus), e[1])
			case 3:
				require.Equal(t, IOAPICID(cpus), e[6])
				if e[1] == typeINT && e[4] == isaBus && e[5] == 0 {
					timer = e[7]
				}
			}
			e = e[size:]
		}
		require.EqualValues(t, n, le.Uint16(tab[34:]))
		require.Equal(t, map[byte]int{0: cpus, 1: 2, 2: 1, 3: 15 + 31*4, 4: 2}, count)
		require.Equal(t, 1, boot, "one bootstrap processor")
		require.EqualValues(t, 2, timer, "IRQ0 is on pin 2")
	}
}
