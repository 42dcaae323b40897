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

// isScalar reports whether a kind is that of a text, a number or a boolean.
func isScalar(k reflect.Kind) bool {
	return k == reflect.String || k >= reflect.Bool && k <= reflect.Float64
}

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

// setScalar sets v, a scalar, to what raw says, and reports whether it could. null leaves it as it
// is, as in encoding/json.
func setScalar(v reflect.Value, raw []byte) bool {
	switch {
	case raw[0] == 'n':
		return true
	case raw[0] == '{' || raw[0] == '[':
		return setEmpty(v, raw)
	case v.Kind() == reflect.String && raw[0] == '"':
		v.SetString(unquote(raw))
		return true
	case v.Kind() == reflect.String:
		v.SetString(string(raw))
		return true
	}
	text := string(raw) // of a number it needs no allocation
	if raw[0] == '"' {
		text = strings.TrimSpace(unquote(raw))
	}
	return setParsed(v, text) || setEmpty(v, raw)
}

// setEmpty sets v to zero if raw is an empty value, or a text of white space.
func setEmpty(v reflect.Value, raw []byte) bool {
	if !jsonscan.IsEmpty(raw) && (raw[0] != '"' || strings.TrimSpace(unquote(raw)) != "") {
		return false
	}
	v.SetZero()
	return true
}

// setParsed takes a boolean, or a number as JSON and databases write it, neither hexadecimal nor
// infinite.
func setParsed(v reflect.Value, text string) bool {
	var err error
	switch bits := v.Type().Bits; {
	case v.Kind() == reflect.Bool:
		var b bool
		if b, err = strconv.ParseBool(strings.ToLower(text)); err == nil {
			v.SetBool(b)
		}
	case strings.Trim(text, "0123456789+-.eE") != "":
		return false
	case v.CanInt():
		var n int64
		if n, err = strconv.ParseInt(wholeNumber(text), 10, bits()); err == nil {
			v.SetInt(n)
		}
	case v.CanUint():
		var n uint64
		if n, err = strconv.ParseUint(wholeNumber(text), 10, bits()); err == nil {
			v.SetUint(n)
		}
	default:
		var f float64
		if f, err = strconv.ParseFloat(text, bits()); err == nil {
			v.SetFloat(f)
		}
	}
	return err == nil
}

// wholeNumber writes 3.0 and 1.52e3 as integers are written. Another text stays as it is.
func wholeNumber(text string) string {
	if !strings.ContainsAny(text, ".eE") {
		return text
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<64 {
		return text
	}
	return strconv.FormatFloat(f, 'f', 0, 64)
}
