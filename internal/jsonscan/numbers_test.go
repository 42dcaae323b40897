package jsonscan_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/prompt-orchestra/promptorchestra-go/internal/jsonscan"
)

func TestSameNumber(t *testing.T) {
	const same, other, open = "same", "other", "open"
	for _, row := range [][3]string{
		{"4711.0", "4711", same},
		{"1e6", "1000000", same},
		{"0.1", "0.1", same},
		{"-0", "0", same},
		{"12", "1e1", other},
		{"7", "007", open},
		{"9007199254740991", "9007199254740991", same},
		{"9007199254740992", "9007199254740992", open},
		{"9007199254740992", "9007199254740993", open},
		{"1000000000000000000", "1000000000000000000", open}, // or 1000000000000000001
		{"1e30", "1e30", open},
		{"1234567890123456789", "1234567890123456789", same},
		{"1234567890123456790", "1234567890123456789", other},
		{"1234567890123456768", "1234567890123456789", open},
		{"1234567890123456800", "1234567890123456789", open},
		{"1.23457e+18", "1234567890123456789", open},
		{"1.2345678901235E+18", "1234567890123456789", open},
		{"1234567890123460000", "1234567890123456789", open},
		{"-1.23457E+18", "-1234567890123456789", open},
		{"1.2345e+18", "1234567890123456789", other},
		{"1.23458e+18", "1234567890123456789", other},
		{"1.23457e6", "1234567", open},
		{"1.234568e6", "1234567", other},
		{"1e6", "1000001", open},
		{"4710", "4711", other},
		{"0e5", "4711", other},
		{"1e-999999999", "0", open},
		{"1e999999999", "1e999999998", open},
		{"x", "1", other},
		{"1", "one", other},
		{"0", "one", other},
		{"one", "0", other},
		{"0", "2026-11-29", other},
		{"0", "", other},
		{"16", "0x1p4", other},
		{"0.00", "0", same},
		{"1e-999999", "0", open},
	} {
		got := other
		switch isSame, certain := jsonscan.SameNumber(row[0], row[1]); {
		case !certain:
			got = open
		case isSame:
			got = same
		}
		assert.Equal(t, row[2], got, row)
	}
}
