package lenient

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
)

// unquote returns the text of a valid JSON string.
func unquote(raw []byte) string {
	inner := raw[1 : len(raw)-1]
	if bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return string(inner)
	}
	var s string
	_ = json.Unmarshal(raw, &s) // it is valid
	return s
}

// setScalar sets v, a string, a number or a bool, to what raw says, and reports whether it could.
func setScalar(v reflect.Value, raw []byte) bool {
	if raw[0] == 'n' { // null leaves the value as it is, as in encoding/json
		return true
	}
	if v.Kind() == reflect.String {
		switch raw[0] {
		case '"':
			v.SetString(unquote(raw))
			return true
		case '{', '[':
			return setEmpty(v, raw)
		default:
			v.SetString(string(raw))
			return true
		}
	}
	text := string(raw)
	if raw[0] == '"' {
		text = strings.TrimSpace(unquote(raw))
	}
	if text == "" || raw[0] == '{' || raw[0] == '[' {
		return setEmpty(v, raw)
	}
	switch v.Kind() {
	case reflect.Bool:
		return setBool(v, text)
	case reflect.Float32, reflect.Float64:
		f, ok := parseFloat(text, v.Type().Bits())
		if ok {
			v.SetFloat(f)
		}
		return ok || setEmpty(v, raw)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		n, ok := parseUint(text)
		ok = ok && !v.OverflowUint(n)
		if ok {
			v.SetUint(n)
		}
		return ok || setEmpty(v, raw)
	default:
		n, ok := parseInt(text)
		ok = ok && !v.OverflowInt(n)
		if ok {
			v.SetInt(n)
		}
		return ok || setEmpty(v, raw)
	}
}

// setEmpty sets v to zero if raw is an empty value.
func setEmpty(v reflect.Value, raw []byte) bool {
	if raw[0] == '"' {
		raw = []byte(`"` + strings.TrimSpace(unquote(raw)) + `"`)
	}
	if !jsonscan.IsEmpty(raw) {
		return false
	}
	v.SetZero()
	return true
}

func setBool(v reflect.Value, text string) bool {
	switch strings.ToLower(text) {
	case "true", "t", "1":
		v.SetBool(true)
	case "false", "f", "0":
		v.SetBool(false)
	default:
		return false
	}
	return true
}

// parseFloat reads a number as JSON and databases write it, neither hexadecimal nor infinite.
func parseFloat(text string, bits int) (float64, bool) {
	if strings.Trim(text, "0123456789+-.eE") != "" {
		return 0, false
	}
	f, err := strconv.ParseFloat(text, bits)
	return f, err == nil
}

// parseInt reads an integer, written as one or as 3.0 or 1.52e3.
func parseInt(text string) (int64, bool) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, true
	}
	f, ok := parseFloat(text, 64)
	if !ok || f != math.Trunc(f) || f < -1<<63 || f >= 1<<63 {
		return 0, false
	}
	return int64(f), true
}

func parseUint(text string) (uint64, bool) {
	if n, err := strconv.ParseUint(text, 10, 64); err == nil {
		return n, true
	}
	f, ok := parseFloat(text, 64)
	if !ok || f != math.Trunc(f) || f < 0 || f >= 1<<64 {
		return 0, false
	}
	return uint64(f), true
}
