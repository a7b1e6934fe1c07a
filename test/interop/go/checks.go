// Calls a core with stubs that protoc-gen-go-grpc made from our .proto files, and prints
// what came back.
//
// Arguments: `checks ADDRESS FOLDER CASES` with the folder of `capiscio dev` and the path of
// cases.json, or `watch ADDRESS`, which prints each health status until the stream ends.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	corepb "example.com/mcp-host/gen/capiscio/core/v1"
	oldpb "example.com/mcp-host/gen/capiscio/v1"
)

var clientVersions = []string{
	"", "0.0.9", "0.1.0", "1.9.0", "2.3.9", "2.4.0", "2.7.2", "2.99.0", "3.0.0", "v2.7.0", "2.7.2rc1",
}

type object = map[string]any

func main() {
	log.SetFlags(0)
	conn := must(grpc.NewClient(os.Args[2], grpc.WithTransportCredentials(insecure.NewCredentials())))
	defer conn.Close()
	if os.Args[1] == "watch" {
		watchHealth(conn)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	report := object{
		"cases":      decide(ctx, conn, os.Args[3], os.Args[4]),
		"refusals":   refusals(ctx, conn),
		"health":     healthOfTheOldContract(ctx, conn),
		"identities": identities(ctx, conn),
		"keys":       keys(ctx, conn),
		"serverInfo": serverInfo(ctx, conn),
		"grpcHealth": grpcHealth(ctx, conn),
		"reflection": reflection(ctx, conn),
	}
	fmt.Println(string(must(json.Marshal(report))))
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

type testCase struct {
	Name   string
	Tool   string
	Badge  string
	APIKey string `json:"apiKey"`
	Config *struct {
		MinTrustLevel   int32
		RequireBadge    bool
		AcceptLevelZero bool
		TrustedIssuers  []string
		AllowedTools    []string
	}
}

func decide(ctx context.Context, conn *grpc.ClientConn, folder, path string) object {
	var cases []testCase
	if err := json.Unmarshal(must(os.ReadFile(path)), &cases); err != nil {
		log.Fatal(err)
	}
	answers := object{}
	for _, c := range cases {
		badge, apiKey := "", ""
		if c.Badge != "" {
			badge = readTrimmed(folder, "badges", c.Badge+".jwt")
		}
		if c.APIKey != "" {
			apiKey = readTrimmed(folder, c.APIKey)
		}
		answers[c.Name] = object{
			"core": decideNew(ctx, conn, c, badge, apiKey),
			"old":  decideOld(ctx, conn, c, badge, apiKey),
		}
	}
	return answers
}

func readTrimmed(path ...string) string {
	return strings.TrimSpace(string(must(os.ReadFile(filepath.Join(path...)))))
}

func decideNew(ctx context.Context, conn *grpc.ClientConn, c testCase, badge, apiKey string) object {
	request := &corepb.EvaluateToolAccessRequest{ToolName: c.Tool}
	if badge != "" {
		request.Credential = &corepb.EvaluateToolAccessRequest_BadgeJws{BadgeJws: badge}
	}
	if apiKey != "" {
		request.Credential = &corepb.EvaluateToolAccessRequest_ApiKey{ApiKey: apiKey}
	}
	if c.Config != nil {
		request.Config = &corepb.GuardConfig{
			MinTrustLevel:   uint32(c.Config.MinTrustLevel),
			RequireBadge:    c.Config.RequireBadge,
			AcceptLevelZero: c.Config.AcceptLevelZero,
			TrustedIssuers:  c.Config.TrustedIssuers,
			AllowedTools:    c.Config.AllowedTools,
		}
	}
	decision := must(corepb.NewCoreServiceClient(conn).EvaluateToolAccess(ctx, request)).GetDecision()
	return object{
		"outcome":    decision.GetOutcome(),
		"reason":     decision.GetReason(),
		"code":       decision.GetCode(),
		"authLevel":  decision.GetAuthLevel(),
		"trustLevel": decision.TrustLevel,
		"principal":  decision.GetPrincipal(),
		"recorded":   recorded(decision.GetLeaf(), decision.GetEvidenceId(), c.Tool),
	}
}

func decideOld(ctx context.Context, conn *grpc.ClientConn, c testCase, badge, apiKey string) object {
	request := &oldpb.EvaluateToolAccessRequest{ToolName: c.Tool}
	if badge != "" {
		request.CallerCredential = &oldpb.EvaluateToolAccessRequest_BadgeJws{BadgeJws: badge}
	}
	if apiKey != "" {
		request.CallerCredential = &oldpb.EvaluateToolAccessRequest_ApiKey{ApiKey: apiKey}
	}
	if c.Config != nil {
		request.Config = &oldpb.EvaluateConfig{
			MinTrustLevel:   c.Config.MinTrustLevel,
			RequireBadge:    c.Config.RequireBadge,
			AcceptLevelZero: c.Config.AcceptLevelZero,
			TrustedIssuers:  c.Config.TrustedIssuers,
			AllowedTools:    c.Config.AllowedTools,
		}
	}
	answer := must(oldpb.NewMCPServiceClient(conn).EvaluateToolAccess(ctx, request))
	return object{
		"outcome":    answer.GetDecision(),
		"reason":     answer.GetDenyReason(),
		"code":       answer.GetErrorCode(),
		"authLevel":  answer.GetAuthLevel(),
		"trustLevel": answer.GetTrustLevel(),
		"principal":  answer.GetAgentDid(),
		"recorded":   recorded([]byte(answer.GetEvidenceJson()), answer.GetEvidenceId(), c.Tool),
	}
}

func recorded(leaf []byte, id, tool string) bool {
	var record object
	return json.Unmarshal(leaf, &record) == nil && record["id"] == id && record["capiscio.target"] == tool
}

// Status and the fields that google.rpc.BadRequest names.
func statusOf(_ any, err error) object {
	answered := status.Convert(err)
	fields := []string{}
	for _, detail := range answered.Details() {
		if bad, ok := detail.(*errdetails.BadRequest); ok {
			for _, violation := range bad.GetFieldViolations() {
				fields = append(fields, violation.GetField())
			}
		}
	}
	return object{"status": answered.Code(), "fields": fields}
}

func refusals(ctx context.Context, conn *grpc.ClientConn) object {
	current, old := corepb.NewCoreServiceClient(conn), oldpb.NewMCPServiceClient(conn)
	badge, scoring := oldpb.NewBadgeServiceClient(conn), oldpb.NewScoringServiceClient(conn)
	badLevel := &oldpb.EvaluateToolAccessRequest{ToolName: "t", Config: &oldpb.EvaluateConfig{MinTrustLevel: -1}}
	large := &corepb.EvaluateToolAccessRequest{ToolName: strings.Repeat("x", 5<<20)}
	return object{
		"noTool":        statusOf(current.EvaluateToolAccess(ctx, &corepb.EvaluateToolAccessRequest{})),
		"noToolOld":     statusOf(old.EvaluateToolAccess(ctx, &oldpb.EvaluateToolAccessRequest{})),
		"negativeLevel": statusOf(old.EvaluateToolAccess(ctx, badLevel)),
		"tooLarge":      statusOf(current.EvaluateToolAccess(ctx, large)),
		"notOffered":    statusOf(badge.CreateDVOrder(ctx, &oldpb.CreateDVOrderRequest{})),
		"notServed":     statusOf(scoring.ListRuleSets(ctx, &oldpb.ListRuleSetsRequest{})),
	}
}

func healthOfTheOldContract(ctx context.Context, conn *grpc.ClientConn) object {
	client := oldpb.NewMCPServiceClient(conn)
	healthy, compatible := true, object{}
	var answer *oldpb.MCPHealthResponse
	for _, version := range clientVersions {
		answer = must(client.Health(ctx, &oldpb.MCPHealthRequest{ClientVersion: version}))
		healthy = healthy && answer.GetHealthy()
		compatible[version] = answer.GetVersionCompatible()
	}
	return object{
		"healthy":      healthy,
		"coreVersion":  answer.GetCoreVersion(),
		"protoVersion": answer.GetProtoVersion(),
		"compatible":   compatible,
	}
}

func identities(ctx context.Context, conn *grpc.ClientConn) object {
	current, old := corepb.NewCoreServiceClient(conn), oldpb.NewMCPServiceClient(conn)
	const did, badge = "did:web:mcp.example.com", "a.b.c"
	meta := `{"capiscio_server_did":"did:web:mcp.example.com","progressToken":7}`

	ask := func(request *corepb.ParseServerIdentityRequest) []any {
		identity := must(current.ParseServerIdentity(ctx, request)).GetIdentity()
		return []any{identity.GetServerDid(), identity.GetServerBadge()}
	}
	fromMeta := func(text string) *corepb.ParseServerIdentityRequest {
		return &corepb.ParseServerIdentityRequest{Source: &corepb.ParseServerIdentityRequest_JsonrpcMeta{JsonrpcMeta: text}}
	}
	askOld := func(request *oldpb.ParseServerIdentityRequest) []any {
		answer := must(old.ParseServerIdentity(ctx, request))
		return []any{answer.GetIdentityPresent(), answer.GetServerDid(), answer.GetServerBadge()}
	}
	fromOldMeta := func(text string) *oldpb.ParseServerIdentityRequest {
		source := &oldpb.ParseServerIdentityRequest_JsonrpcMeta{JsonrpcMeta: &oldpb.MCPJsonRpcMeta{MetaJson: text}}
		return &oldpb.ParseServerIdentityRequest{Source: source}
	}
	return object{
		"headers": ask(&corepb.ParseServerIdentityRequest{Source: &corepb.ParseServerIdentityRequest_HttpHeaders{
			HttpHeaders: &corepb.HttpHeaders{CapiscioServerDid: did, CapiscioServerBadge: badge},
		}}),
		"meta":    ask(fromMeta(meta)),
		"nothing": ask(fromMeta("{}")),
		"broken":  statusOf(current.ParseServerIdentity(ctx, fromMeta("{")))["status"],
		"oldHeaders": askOld(&oldpb.ParseServerIdentityRequest{Source: &oldpb.ParseServerIdentityRequest_HttpHeaders{
			HttpHeaders: &oldpb.MCPHttpHeaders{CapiscioServerDid: did, CapiscioServerBadge: badge},
		}}),
		"oldMeta":    askOld(fromOldMeta(meta)),
		"oldNothing": askOld(fromOldMeta("{}")),
		"oldBroken":  askOld(fromOldMeta("{")),
	}
}

func keys(ctx context.Context, conn *grpc.ClientConn) object {
	client := oldpb.NewSimpleGuardServiceClient(conn)
	generate := func(request *oldpb.GenerateKeyPairRequest) object {
		answer := must(client.GenerateKeyPair(ctx, request))
		// encoding/json writes bytes as base64, and nil bytes as null.
		return object{
			"keyId":         answer.GetKeyId(),
			"publicKey":     append([]byte{}, answer.GetPublicKey()...),
			"privateKey":    append([]byte{}, answer.GetPrivateKey()...),
			"publicKeyPem":  answer.GetPublicKeyPem(),
			"privateKeyPem": answer.GetPrivateKeyPem(),
			"didKey":        answer.GetDidKey(),
			"algorithm":     answer.GetAlgorithm(),
			"errorMessage":  answer.GetErrorMessage(),
		}
	}
	return object{
		"unnamed": generate(&oldpb.GenerateKeyPairRequest{Algorithm: oldpb.KeyAlgorithm_KEY_ALGORITHM_ED25519}),
		"named": generate(&oldpb.GenerateKeyPairRequest{
			KeyId: "agent-1", Metadata: map[string]string{"owner": "tests"},
		}),
		"otherAlgorithm": generate(&oldpb.GenerateKeyPairRequest{
			Algorithm: oldpb.KeyAlgorithm_KEY_ALGORITHM_ECDSA_P256,
		}),
	}
}

func serverInfo(ctx context.Context, conn *grpc.ClientConn) object {
	info := must(corepb.NewCoreServiceClient(conn).GetServerInfo(ctx, &corepb.GetServerInfoRequest{}))
	evaluate := corepb.CoreService_EvaluateToolAccess_FullMethodName
	return object{
		"profile":         info.GetProfile(),
		"ready":           info.GetReady(),
		"protoVersion":    info.GetProtoVersion(),
		"maxMessageBytes": info.GetLimits().GetMaxMessageBytes(),
		"writable":        info.GetEvidenceLog().GetWritable(),
		"offersEvaluate":  slices.Contains(info.GetImplementedMethods(), evaluate),
	}
}

func grpcHealth(ctx context.Context, conn *grpc.ClientConn) object {
	client := healthpb.NewHealthClient(conn)
	check := func(service string) any {
		return must(client.Check(ctx, &healthpb.HealthCheckRequest{Service: service})).GetStatus()
	}
	watch := func(service string) any {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		stream := must(client.Watch(ctx, &healthpb.HealthCheckRequest{Service: service}))
		return must(stream.Recv()).GetStatus()
	}
	return object{
		"process":        check(""),
		"coreService":    check("capiscio.core.v1.CoreService"),
		"mcpService":     check("capiscio.v1.MCPService"),
		"unknown":        statusOf(client.Check(ctx, &healthpb.HealthCheckRequest{Service: "no.such.Service"}))["status"],
		"listed":         must(client.List(ctx, &healthpb.HealthListRequest{})).GetStatuses()[""].GetStatus(),
		"watched":        watch(""),
		"watchedUnknown": watch("no.such.Service"),
	}
}

func watchHealth(conn *grpc.ClientConn) {
	stream := must(healthpb.NewHealthClient(conn).Watch(context.Background(), &healthpb.HealthCheckRequest{}))
	for {
		answer, err := stream.Recv()
		if err == io.EOF {
			return
		}
		if err != nil {
			fmt.Println(status.Code(err))
			return
		}
		fmt.Println(answer.GetStatus())
	}
}

// Finds every service by reflection, resolves all its types, and compares the files with
// those that the stubs were generated from.
func reflection(ctx context.Context, conn *grpc.ClientConn) object {
	stream := must(reflectionpb.NewServerReflectionClient(conn).ServerReflectionInfo(ctx))
	ask := func(request *reflectionpb.ServerReflectionRequest) *reflectionpb.ServerReflectionResponse {
		if err := stream.Send(request); err != nil {
			log.Fatal(err)
		}
		answer := must(stream.Recv())
		if refused := answer.GetErrorResponse(); refused != nil {
			log.Fatal(refused.GetErrorMessage())
		}
		return answer
	}
	services := []string{}
	files := map[string]*descriptorpb.FileDescriptorProto{}
	listed := ask(&reflectionpb.ServerReflectionRequest{
		MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{},
	})
	for _, service := range listed.GetListServicesResponse().GetService() {
		services = append(services, service.GetName())
		found := ask(&reflectionpb.ServerReflectionRequest{
			MessageRequest: &reflectionpb.ServerReflectionRequest_FileContainingSymbol{
				FileContainingSymbol: service.GetName(),
			},
		})
		for _, bytes := range found.GetFileDescriptorResponse().GetFileDescriptorProto() {
			file := &descriptorpb.FileDescriptorProto{}
			if err := proto.Unmarshal(bytes, file); err != nil {
				log.Fatal(err)
			}
			files[file.GetName()] = file
		}
	}
	// Fails unless every import and every type that is named can be resolved.
	set := &descriptorpb.FileDescriptorSet{}
	for _, file := range files {
		set.File = append(set.File, file)
	}
	resolved := must(protodesc.NewFiles(set))

	messages, differing := map[string]bool{}, []string{}
	var visit func(message protoreflect.MessageDescriptor)
	visit = func(message protoreflect.MessageDescriptor) {
		name := string(message.FullName())
		if messages[name] {
			return
		}
		messages[name] = true
		if strings.HasPrefix(name, "capiscio.") && !sameAsGenerated(message) {
			differing = append(differing, name)
		}
		for i := range message.Fields().Len() {
			if inner := message.Fields().Get(i).Message(); inner != nil {
				visit(inner)
			}
		}
	}
	for _, name := range services {
		service := must(resolved.FindDescriptorByName(protoreflect.FullName(name))).(protoreflect.ServiceDescriptor)
		for i := range service.Methods().Len() {
			visit(service.Methods().Get(i).Input())
			visit(service.Methods().Get(i).Output())
		}
	}
	names := []string{}
	for name := range messages {
		names = append(names, name)
	}
	slices.Sort(services)
	slices.Sort(names)
	return object{"services": services, "messages": names, "differing": differing}
}

func sameAsGenerated(message protoreflect.MessageDescriptor) bool {
	generated, err := protoregistry.GlobalFiles.FindDescriptorByName(message.FullName())
	if err != nil {
		return false
	}
	return proto.Equal(
		protodesc.ToDescriptorProto(message),
		protodesc.ToDescriptorProto(generated.(protoreflect.MessageDescriptor)),
	)
}
