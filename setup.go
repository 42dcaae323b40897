package promptorchestra

import "context"

// SetupService checks a configuration. Use it as Client.Setup.
type SetupService struct{ c *Client }

// SetupVerifyResponse says whether the credential and the organization fit. All its names are inferred.
type SetupVerifyResponse struct {
	OK             bool     `json:"ok"`
	OrganizationID string   `json:"organizationId"`
	AuthSource     string   `json:"authSource"` // access_token or api_key
	Scopes         []string `json:"scopes"`
	Checks         RawJSON  `json:"checks"` // what was looked at
}

// Verify returns what the server thinks of the credential and the organization, and changes nothing. A credential
// that it does not take is an error: [KindAuthentication] or [KindPermission].
//
// Stable. Either credential, scope runs:read. Repeated safely. Errors: those of every call.
func (s *SetupService) Verify(ctx context.Context, opts ...CallOption) (*SetupVerifyResponse, error) {
	return do[SetupVerifyResponse](ctx, s.c, call{route: routeSetupVerify}, opts)
}
