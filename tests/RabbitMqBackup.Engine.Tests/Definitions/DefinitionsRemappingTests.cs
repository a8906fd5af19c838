using RabbitMqBackup.Engine.Definitions;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Definitions;

public class DefinitionsRemappingTests
{
    private static readonly DefinitionsDocument Whole = Json.Document("""
        {
          "vhosts": [{"name": "prod", "description": "d"}],
          "users": [{"name": "app", "password_hash": "h"}],
          "permissions": [{"user": "app", "vhost": "prod", "configure": "", "write": "", "read": ""}],
          "topic_permissions": [{"user": "app", "vhost": "prod", "exchange": "eu.in", "write": "", "read": ""}],
          "policies": [{"name": "p", "vhost": "prod", "pattern": "^eu", "definition": {"dead-letter-exchange": "", "dead-letter-routing-key": "eu.dead"}}],
          "exchanges": [{"name": "eu.in", "vhost": "prod", "type": "topic", "arguments": {"alternate-exchange": "eu.lost"}}],
          "queues": [
            {"name": "eu.orders", "vhost": "prod", "arguments": {"x-dead-letter-exchange": "eu.dlx", "x-dead-letter-routing-key": "eu.key"}},
            {"name": "eu.mail", "vhost": "prod", "arguments": {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "eu.orders"}}
          ],
          "bindings": [
            {"source": "eu.in", "vhost": "prod", "destination": "eu.orders", "destination_type": "queue", "routing_key": "eu.#"},
            {"source": "amq.topic", "vhost": "prod", "destination": "eu.in", "destination_type": "exchange", "routing_key": ""}
          ]
        }
        """);

    [Fact]
    public void Every_reference_follows_the_new_names()
    {
        DefinitionsRemapping remapping = new()
        {
            VirtualHosts = new Dictionary<string, string> { ["prod"] = "dr" },
            Users = new Dictionary<string, string> { ["app"] = "app2" },
            NamePrefixes = new Dictionary<string, string> { ["eu."] = "us." },
        };

        DefinitionsDocument mapped = remapping.Apply(Whole);

        Assert.Equal(
            [
                "virtual host 'dr'",
                "user 'app2'",
                "permission of 'app2' in 'dr'",
                "topic permission of 'app2' on exchange 'us.in' in 'dr'",
                "policy 'p' in 'dr'",
                "exchange 'us.in' in 'dr'",
                "queue 'us.orders' in 'dr'",
                "queue 'us.mail' in 'dr'",
                "binding 'us.in' -> queue 'us.orders' with key 'eu.#' in 'dr'",
                "binding 'amq.topic' -> exchange 'us.in' with key '' in 'dr'",
            ],
            mapped.Objects.Names());
        Assert.Equal("us.lost", mapped.Exchanges[0].Arguments["alternate-exchange"]);
        Assert.Equal(("us.dlx", "eu.key"), (mapped.Queues[0].Arguments["x-dead-letter-exchange"], mapped.Queues[0].Arguments["x-dead-letter-routing-key"]));
        Assert.Equal("us.orders", mapped.Queues[1].Arguments["x-dead-letter-routing-key"]);
        Assert.Equal("us.dead", mapped.Policies[0].Definition["dead-letter-routing-key"]);
        Assert.Contains("'^eu'", Assert.Single(mapped.Warnings));
        Assert.Equal("h", System.Text.Json.JsonDocument.Parse(mapped.Users[0].ToJson()).RootElement.GetProperty("password_hash").GetString());
    }

    [Fact]
    public void The_longest_prefix_counts_and_an_empty_one_fits_all()
    {
        DefinitionsDocument mapped = new DefinitionsRemapping { NamePrefixes = new Dictionary<string, string> { [""] = "copy.", ["eu.o"] = "O" } }.Apply(Whole);

        Assert.Equal(["Orders", "copy.eu.mail"], mapped.Queues.Select(queue => queue.Name));
    }

    [Fact]
    public void A_name_that_is_not_there_is_an_error()
    {
        Assert.Contains("'none'", Assert.Throws<RabbitBackupException>(() => new DefinitionsRemapping { VirtualHosts = new Dictionary<string, string> { ["none"] = "x" } }.Apply(Whole)).Message);
        Assert.Contains("'none'", Assert.Throws<RabbitBackupException>(() => new DefinitionsRemapping { Users = new Dictionary<string, string> { ["none"] = "x" } }.Apply(Whole)).Message);
    }

    [Fact]
    public void Two_objects_of_one_name_are_an_error()
    {
        DefinitionsDocument document = Json.Document("""{"queues": [{"name": "q", "vhost": "a"}, {"name": "q", "vhost": "b"}]}""");

        RabbitBackupException exception = Assert.Throws<RabbitBackupException>(() => new DefinitionsRemapping { VirtualHosts = new Dictionary<string, string> { ["a"] = "b" } }.Apply(document));

        Assert.Equal((ErrorCode.DefinitionInvalid, "queue 'q' in 'b'"), (exception.Code, exception.Target));
    }

    [Fact]
    public void Without_new_names_nothing_changes() => Assert.Same(Whole, new DefinitionsRemapping().Apply(Whole));
}
