package rtc

import "time"

// The time registers hold binary or BCD (DM) and 24 or 12 hours with bit 7 for
// the afternoon (24/12). Changing those bits does not convert what is there.

func (r *RTC) encode(v int) byte {
	if r.state.Reg[RegB]&bDM != 0 {
		return byte(v)
	}
	return byte(v/10%10<<4 | v%10)
}

func (r *RTC) decode(b byte) int {
	if r.state.Reg[RegB]&bDM != 0 {
		return int(b)
	}
	return int(b>>4)*10 + int(b&15)
}

func (r *RTC) encodeHour(h int) byte {
	if r.state.Reg[RegB]&b24 != 0 {
		return r.encode(h)
	}
	pm := byte(0)
	if h >= 12 {
		pm = 0x80
	}
	return r.encode((h+11)%12+1) | pm
}

func (r *RTC) decodeHour(b byte) int {
	if r.state.Reg[RegB]&b24 != 0 {
		return r.decode(b)
	}
	h := r.decode(b&0x7f) % 12
	if b&0x80 != 0 {
		h += 12
	}
	return h
}

// setTime writes all time registers but the day of the week.
func (r *RTC) setTime(t time.Time) {
	g := &r.state.Reg
	g[Seconds] = r.encode(t.Second())
	g[Minutes] = r.encode(t.Minute())
	g[Hours] = r.encodeHour(t.Hour())
	g[DayOfMonth] = r.encode(t.Day())
	g[Month] = r.encode(int(t.Month()))
	g[Year] = r.encode(t.Year() % 100)
	g[Century] = r.encode(t.Year() / 100 % 100)
}

// Time is the date and time that the registers show, in UTC.
func (r *RTC) Time() time.Time {
	g := &r.state.Reg
	return time.Date(r.decode(g[Century])*100+r.decode(g[Year]), time.Month(r.decode(g[Month])), r.decode(g[DayOfMonth]),
		r.decodeHour(g[Hours]), r.decode(g[Minutes]), r.decode(g[Seconds]), 0, time.UTC)
}

// advance adds one second. The day of the week is a counter of its own that
// steps at midnight.
func (r *RTC) advance() {
	t := r.Time()
	next := t.Add(time.Second)
	r.setTime(next)
	if next.Day() != t.Day() {
		g := &r.state.Reg
		g[DayOfWeek] = g[DayOfWeek]%7 + 1
	}
}
