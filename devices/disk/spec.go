package disk

import (
	"fmt"
	"strings"
)

// ParseSpec takes apart what stands behind --disk, --cdrom and --floppy:
// FILE[,snapshot=on|off][,readonly=on|off][,format=raw]. A comma in the file
// name is written twice.
func ParseSpec(spec string) (path string, opts Options, err error) {
	path, rest := cutName(spec)
	if path == "" {
		return "", opts, fmt.Errorf("image %q: the file name is missing; write FILE[,option=value]", spec)
	}
	if rest == "" {
		return path, opts, nil
	}
	seen := map[string]bool{}
	for _, item := range strings.Split(rest[1:], ",") {
		key, val, ok := strings.Cut(item, "=")
		if item == "" {
			return "", opts, fmt.Errorf("image %q: an option is empty; write a comma in a file name as \",,\"", spec)
		}
		if seen[key] {
			return "", opts, fmt.Errorf("image %q: option %q is given twice", spec, key)
		}
		seen[key] = true
		switch key {
		case "snapshot":
			err = parseSwitch(val, &opts.Snapshot)
		case "readonly":
			err = parseSwitch(val, &opts.ReadOnly)
		case "format":
			if opts.Format = val; val != "raw" {
				err = fmt.Errorf("the only format is raw; convert the image")
			}
		default:
			return "", opts, fmt.Errorf("image %q: unknown option %q; known are snapshot=on, readonly=on, format=raw "+
				"(write a comma in a file name as \",,\")", spec, key)
		}
		if !ok {
			return "", opts, fmt.Errorf("image %q: option %q needs a value, as in %s=on", spec, key, key)
		}
		if err != nil {
			return "", opts, fmt.Errorf("image %q: option %q: %w", spec, item, err)
		}
	}
	return path, opts, nil
}

// cutName splits at the first single comma, which stays with the rest.
func cutName(spec string) (name, rest string) {
	var b strings.Builder
	for i := 0; i < len(spec); i++ {
		if spec[i] == ',' {
			if i+1 == len(spec) || spec[i+1] != ',' {
				return b.String(), spec[i:]
			}
			i++
		}
		b.WriteByte(spec[i])
	}
	return b.String(), ""
}

func parseSwitch(val string, to *bool) error {
	switch val {
	case "on":
		*to = true
	case "off":
		*to = false
	default:
		return fmt.Errorf("the value is on or off")
	}
	return nil
}
