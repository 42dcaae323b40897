// Package recipes runs the recipes of docs/recipes.md and docs/testing.md that need other modules, and
// tries the mocks of the second. The files named block_ are blocks of these documents, word for word
// below their imports. It is a module of its own for the sake of these modules.
package recipes
