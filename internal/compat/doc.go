// Package compat tests the SDK's types with other people's modules: YAML in its three versions, and
// go-cmp. It is a module of its own, so that none of them is a dependency of the SDK.
package compat
