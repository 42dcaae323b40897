package recipes

import (
	"cmp"
	"context"
	"time"

	"golang.org/x/oauth2"
)

func newOAuth2Cache(source func(context.Context) oauth2.TokenSource) *tokenCache {
	return newTokenCache(func(ctx context.Context) (string, time.Time, error) {
		token, err := source(ctx).Token()
		if err != nil {
			return "", time.Time{}, err
		}
		return token.AccessToken, cmp.Or(token.Expiry, time.Now().Add(time.Hour)), nil // not all servers say when
	})
}
