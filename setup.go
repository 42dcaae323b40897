package promptorchestra

import "context"

// SetupService checks a configuration. Use it as Client.Setup.
type SetupService struct{ c *Client }

// SetupVerifyResponse says whether the credential fits the organization. All its names are
// inferred.
type SetupVerifyResponse struct {
	OK             bool     `json:"ok"`
	OrganizationID string   `json:"organizationId"`
	AuthSource     string   `json:"authSource"` // access_token or api_key
	Scopes         []string `json:"scopes" split:"spaces"`
	Checks         RawJSON  `json:"checks,omitzero"` // what the server checked
}

// Verify returns what the server says of the credential and the organization. It is a POST that
// changes nothing. A credential that the server rejects is an error: [KindAuthentication] or
// [KindPermission].
//
//	POST /api/setup/verify
//
// Stable. Access token, or API key with scope runs:read.
// Idempotent: retried on network errors, 408, 429 and 5xx except 501 and 505.
// Errors: those of every call.
func (s *SetupService) Verify(ctx context.Context, opts ...CallOption) (*SetupVerifyResponse, error) {
	return do[SetupVerifyResponse](ctx, (*service)(s), call{route: routeSetupVerify}, opts)
}
