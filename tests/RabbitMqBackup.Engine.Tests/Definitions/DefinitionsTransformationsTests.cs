using System.Text;
using RabbitMqBackup.Engine.Definitions;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Definitions;

public class DefinitionsTransformationsTests
{
    [Fact]
    public void An_unknown_name_is_an_error_that_names_the_known_ones()
    {
        ArgumentException exception = Assert.Throws<ArgumentException>(() => DefinitionsTransformations.Apply(Json.Document("{}"), ["MigrateTo5"]));

        Assert.Contains("'MigrateTo5'", exception.Message);
        Assert.Contains("MigrateTo4", exception.Message);
        Assert.Throws<ArgumentException>(() => DefinitionsTransformations.Describe("none"));
    }

    [Fact]
    public void Every_name_is_described_and_applies_to_an_empty_document()
    {
        foreach (string name in DefinitionsTransformations.Names)
        {
            Assert.NotEmpty(DefinitionsTransformations.Describe(name.ToUpperInvariant()));
            Assert.Empty(DefinitionsTransformations.Apply(Json.Document("{}"), [name]).Changes);
        }
    }

    [Fact]
    public void Mirroring_goes_out_of_policies_and_empty_policies_go()
    {
        (DefinitionsDocument document, IReadOnlyList<TransformationChange> changes) = DefinitionsTransformations.Apply(
            Json.Document("""
                {
                  "policies": [
                    {"name": "ha", "vhost": "/", "pattern": "", "definition": {"ha-mode": "exactly", "ha-params": 2, "ha-sync-mode": "automatic"}},
                    {"name": "both", "vhost": "/", "pattern": "", "definition": {"ha-mode": "all", "max-length": 5}},
                    {"name": "plain", "vhost": "/", "pattern": "", "definition": {"max-length": 5}}
                  ],
                  "parameters": [
                    {"component": "operator_policy", "vhost": "/", "name": "op", "value": {"pattern": "", "definition": {"ha-mode": "all"}}},
                    {"component": "federation-upstream", "vhost": "/", "name": "up", "value": {"uri": "amqp://h", "ha-policy": "all"}}
                  ],
                  "queues": [{"name": "q", "vhost": "/", "arguments": {"x-ha-policy": "all", "x-max-length": 5}}]
                }
                """),
            ["RemoveClassicMirroring"]);

        Assert.Equal(["parameter 'federation-upstream/up' in '/'", "policy 'both' in '/'", "policy 'plain' in '/'", "queue 'q' in '/'"], document.Objects.Names().Order());
        Assert.Equal(["max-length"], document.Policies[0].Definition.Keys);
        Assert.Equal(["x-max-length"], document.Queues[0].Arguments.Keys);
        Assert.Equal(["uri"], ((IReadOnlyDictionary<string, object?>)document.Parameters[0].Value!).Keys);
        Assert.Equal(
            [
                "policy 'ha' in '/': ha-mode, ha-params, ha-sync-mode removed, and with that the policy, since nothing else was in it",
                "policy 'both' in '/': ha-mode removed",
                "parameter 'operator_policy/op' in '/': ha-mode removed, and with that the policy, since nothing else was in it",
                "parameter 'federation-upstream/up' in '/': ha-policy removed",
                "queue 'q' in '/': x-ha-policy removed",
            ],
            changes.Select(change => $"{change.Object}: {change.Change}"));
    }

    [Fact]
    public void What_4_refuses_goes()
    {
        (DefinitionsDocument document, IReadOnlyList<TransformationChange> changes) = DefinitionsTransformations.Apply(
            Json.Document("""
                {
                  "feature_flags": [{"name": "quorum_queue"}],
                  "vhosts": [{"name": "v", "default_queue_type": "undefined", "metadata": {"default_queue_type": "undefined", "description": ""}}],
                  "policies": [{"name": "lazy", "vhost": "/", "pattern": "", "definition": {"queue-mode": "lazy", "queue-master-locator": "min-masters", "expires": 5}}],
                  "queues": [
                    {"name": "old", "vhost": "/", "durable": true, "arguments": {"x-queue-mode": "lazy", "x-queue-version": 1, "x-queue-master-locator": "random", "x-max-length": 5}},
                    {"name": "new", "vhost": "/", "durable": true, "arguments": {"x-queue-version": 2}},
                    {"name": "transient", "vhost": "/", "durable": false, "auto_delete": true}
                  ]
                }
                """),
            ["MigrateTo4"]);

        Assert.Null(document.VirtualHosts[0].DefaultQueueType);
        Assert.DoesNotContain("undefined", Encoding.UTF8.GetString(document.ToJson()));
        Assert.Equal(["expires"], document.Policies[0].Definition.Keys);
        Assert.Equal(["x-max-length"], document.Queues[0].Arguments.Keys);
        Assert.Equal(["x-queue-version"], document.Queues[1].Arguments.Keys);
        Assert.True(document.Queues[2].Durable);
        Assert.DoesNotContain("feature_flags", Encoding.UTF8.GetString(document.ToJson()));
        Assert.Contains("\"feature_flags\" was taken out", Assert.Single(document.Warnings));
        Assert.Equal(4, changes.Count);
        Assert.All(changes, change => Assert.Equal(("RemoveRefusedBy4", false), (change.Transformation, change.IsRemoval)));
    }

    [Fact]
    public void Mirrored_queues_become_quorum_queues_whatever_the_order_of_the_names()
    {
        (DefinitionsDocument document, IReadOnlyList<TransformationChange> changes) = DefinitionsTransformations.Apply(
            Json.Document("""
                {
                  "policies": [
                    {"name": "ha", "vhost": "/", "pattern": "^m", "definition": {"ha-mode": "all"}, "apply-to": "queues", "priority": 1},
                    {"name": "plain", "vhost": "/", "pattern": "^mx", "definition": {"max-length": 1}, "priority": 2}
                  ],
                  "queues": [
                    {"name": "m1", "vhost": "/", "durable": true, "type": "classic", "arguments": {"x-max-priority": 5, "x-queue-mode": "lazy", "x-overflow": "reject-publish-dlx", "x-max-length": 9}},
                    {"name": "m2", "vhost": "/", "durable": false},
                    {"name": "m3", "vhost": "/", "durable": true, "auto_delete": true},
                    {"name": "mx", "vhost": "/", "durable": true},
                    {"name": "n", "vhost": "/", "durable": true},
                    {"name": "m1", "vhost": "other", "durable": true}
                  ]
                }
                """),
            ["MigrateTo4", "PrepareForQuorum"]);

        Assert.Equal(["quorum", "quorum", "classic", "classic", "classic", "classic"], document.Queues.Select(queue => queue.Type));
        Assert.Equal(new Dictionary<string, object?> { ["x-overflow"] = "reject-publish", ["x-max-length"] = 9L, ["x-queue-type"] = "quorum" }, document.Queues[0].Arguments);
        Assert.True(document.Queues[1].Durable);
        Assert.Contains(changes, change => change.Change == "made a quorum queue, x-max-priority removed, x-queue-mode removed, x-overflow reject-publish-dlx made reject-publish");
        Assert.Contains(changes, change => change.Object == "queue 'm3' in '/'" && change.Change.StartsWith("left classic", StringComparison.Ordinal));
    }

    [Fact]
    public void A_policy_for_classic_queues_that_a_quorum_queue_loses_is_told()
    {
        (_, IReadOnlyList<TransformationChange> changes) = DefinitionsTransformations.Apply(
            Json.Document("""
                {
                  "policies": [{"name": "p", "vhost": "/", "pattern": "", "definition": {"ha-mode": "all", "max-length": 5}, "apply-to": "classic_queues"}],
                  "queues": [{"name": "q", "vhost": "/", "durable": true}]
                }
                """),
            ["PrepareForQuorum"]);

        Assert.Equal("made a quorum queue, what else the policy 'p' sets has no effect on it any more, since that is for classic queues", Assert.Single(changes).Change);
    }

    [Theory]
    [InlineData("""{"uri": "amqp:\/\/u:canary\u0040canary\u0040h"}""")]
    [InlineData("""{"uri": "amqp://u:canary@canary@h"}""")]
    [InlineData("""{"uri": ["amqp://h", {"more": "amqps://h/%2F?verify=verify_peer&password=canary&depth=1"}]}""")]
    [InlineData("\"amqps://h?PASSWORD=canary\"")]
    public void Secrets_are_found_however_they_are_spelt_and_the_import_leaves_them_out(string value)
    {
        DefinitionsDocument before = Json.Document($$"""{"parameters": [{"component": "shovel", "vhost": "/", "name": "s", "value": {{value}}}]}""");

        DefinitionsDocument document = DefinitionsTransformations.Apply(before, ["RedactSecrets"]).Document;

        Assert.DoesNotContain("canary", Encoding.UTF8.GetString(document.ToJson()));
        Assert.True(DefinitionSecrets.IsRedacted(document.Parameters[0]));
        Assert.False(DefinitionSecrets.IsRedacted(before.Parameters[0]));
        Assert.Empty(DefinitionsComparison.Compare(before, document));
        Assert.DoesNotContain(
            "canary",
            string.Join('\n', DefinitionsComparison.Compare(Json.Document("""{"parameters": [{"component": "shovel", "vhost": "/", "name": "s", "value": {"uri": "amqp://other"}}]}"""), before)));
    }

    [Fact]
    public void Kinds_are_left_out_and_listed()
    {
        (DefinitionsDocument document, IReadOnlyList<TransformationChange> changes) = DefinitionsTransformations.Apply(
            Json.Document("""{"users": [{"name": "u"}], "permissions": [{"user": "u", "vhost": "/", "configure": "", "write": "", "read": ""}], "queues": [{"name": "q", "vhost": "/"}]}"""),
            ["excludeusers"]);

        Assert.Equal(["queue 'q' in '/'"], document.Objects.Names());
        Assert.Equal(2, changes.Count(change => change.IsRemoval));
    }

    [Fact]
    public void Secrets_are_redacted_and_nothing_else()
    {
        DefinitionsDocument before = Json.Document("""
            {
              "users": [{"name": "u", "password_hash": "secret-hash", "tags": []}, {"name": "x", "password_hash": ""}],
              "parameters": [
                {"component": "shovel", "vhost": "/", "name": "s", "value": {"src-uri": ["amqp://a:secret-word@h/%2F", "amqp://h2"], "src-queue": "q"}},
                {"component": "federation-upstream", "vhost": "/", "name": "f", "value": {"uri": "amqps://a:secret-word@h?x=1"}}
              ]
            }
            """);

        (DefinitionsDocument document, IReadOnlyList<TransformationChange> changes) = DefinitionsTransformations.Apply(before, ["RedactSecrets"]);

        Assert.DoesNotContain("secret", Encoding.UTF8.GetString(document.ToJson()));
        Assert.Contains("amqp://***@h/%2F", Encoding.UTF8.GetString(document.ToJson()));
        Assert.Equal(3, changes.Count);
        Assert.Equal(
            ["password_hash", "value.src-uri[0]", "value.uri"],
            before.Objects.Zip(document.Objects).SelectMany(pair => CanonicalJson.Differences(pair.First.Canonical(), pair.Second.Canonical())).Select(difference => difference.Path).Order());
        Assert.Empty(DefinitionsComparison.Compare(before, document));
    }

    [Fact]
    public void Obfuscation_hides_every_name_and_keeps_the_shape()
    {
        DefinitionsDocument before = Json.Document("""
            {
              "original_cluster_name": "secret",
              "vhosts": [{"name": "secretv", "description": "secret", "metadata": {"description": "secret"}}],
              "users": [{"name": "secretu", "password_hash": "secret", "tags": ["administrator"]}],
              "permissions": [{"user": "secretu", "vhost": "secretv", "configure": "^secret", "write": ".*", "read": "^secret"}],
              "parameters": [{"component": "shovel", "vhost": "secretv", "name": "secret", "value": {"src-uri": "amqp://secret"}}],
              "global_parameters": [{"name": "cluster_name", "value": "secret"}],
              "policies": [{"name": "secretp", "vhost": "secretv", "pattern": "^secretq1", "definition": {"dead-letter-exchange": "secretx", "overflow": "drop-head", "max-length": 5}}],
              "exchanges": [{"name": "secretx", "vhost": "secretv", "type": "topic", "arguments": {"alternate-exchange": "amq.fanout"}}],
              "queues": [
                {"name": "secretq1", "vhost": "secretv", "arguments": {"x-queue-type": "quorum", "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "secretq2", "x-note": "secret"}},
                {"name": "secretq2", "vhost": "secretv", "arguments": {"x-dead-letter-exchange": "secretx", "x-dead-letter-routing-key": "secret.key"}}
              ],
              "bindings": [{"source": "secretx", "vhost": "secretv", "destination": "secretq1", "destination_type": "queue", "routing_key": "secret.*.#", "arguments": {"x-match": "all", "h": "secret"}}]
            }
            """);

        (DefinitionsDocument document, IReadOnlyList<TransformationChange> changes) = DefinitionsTransformations.Apply(before, ["ObfuscateNames"]);

        Assert.DoesNotContain("secret", Encoding.UTF8.GetString(document.ToJson()));
        Assert.Equal(before.Objects.Count - 2, document.Objects.Count);
        Assert.Equal(before.Objects.Count, changes.Count);
        Assert.Equal($"^({document.Queues[0].Name})$", document.Policies[0].Pattern);
        Assert.Equal(document.Exchanges[0].Name, document.Policies[0].Definition["dead-letter-exchange"]);
        Assert.Equal(document.Queues[1].Name, document.Queues[0].Arguments["x-dead-letter-routing-key"]);
        Assert.Equal((document.Exchanges[0].Name, document.Queues[0].Name), (document.Bindings[0].Source, document.Bindings[0].Destination));
        Assert.EndsWith(".*.#", document.Bindings[0].RoutingKey);
        Assert.Equal(("all", "quorum", "drop-head"), (document.Bindings[0].Arguments["x-match"], document.Queues[0].Type, document.Policies[0].Definition["overflow"]));
        Assert.Equal(("^$", ".*"), (document.Permissions[0].Configure, document.Permissions[0].Write));
    }
}
