package recipes

import (
	"cmp"
	"context"
	"time"

	"golang.org/x/oauth2"
)

func newOAuth2Cache(source func(context.Context, *oauth2.Token) oauth2.TokenSource, refreshToken string) *tokenCache {
	return &tokenCache{fetch: func(ctx context.Context) (string, time.Time, error) {
		token, err := source(ctx, &oauth2.Token{RefreshToken: refreshToken}).Token()
		if err != nil {
			return "", time.Time{}, err
		}
		refreshToken = token.RefreshToken                          // the server may have replaced it
		expires := cmp.Or(token.Expiry, time.Now().Add(time.Hour)) // not all servers say when
		return token.AccessToken, expires, nil
	}}
}
