using RabbitMqBackup.Engine.Definitions;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Definitions;

public class DefinitionsSelectionTests
{
    private static readonly DefinitionsDocument Whole = Json.Document("""
        {
          "vhosts": [{"name": "/"}, {"name": "prod"}, {"name": "test"}],
          "users": [{"name": "app"}, {"name": "ops"}],
          "permissions": [{"user": "app", "vhost": "prod", "configure": "", "write": "", "read": ""}, {"user": "ops", "vhost": "prod", "configure": "", "write": "", "read": ""}, {"user": "app", "vhost": "test", "configure": "", "write": "", "read": ""}],
          "topic_permissions": [{"user": "app", "vhost": "prod", "exchange": "in", "write": "", "read": ""}],
          "parameters": [{"component": "operator_policy", "vhost": "prod", "name": "limits", "value": {}}, {"component": "shovel", "vhost": "prod", "name": "move", "value": {}}],
          "global_parameters": [{"name": "g", "value": 1}],
          "policies": [{"name": "ttl", "vhost": "prod", "pattern": "", "definition": {}}],
          "exchanges": [
            {"name": "in", "vhost": "prod", "type": "topic"}, {"name": "fan", "vhost": "prod", "type": "fanout", "arguments": {"alternate-exchange": "lost"}},
            {"name": "lost", "vhost": "prod", "type": "fanout"}, {"name": "dlx", "vhost": "prod", "type": "fanout"}, {"name": "other", "vhost": "prod", "type": "fanout"}
          ],
          "queues": [
            {"name": "orders", "vhost": "prod", "arguments": {"x-dead-letter-exchange": "dlx"}}, {"name": "mail", "vhost": "prod"}, {"name": "orders", "vhost": "test"}
          ],
          "bindings": [
            {"source": "in", "vhost": "prod", "destination": "fan", "destination_type": "exchange", "routing_key": "#"},
            {"source": "fan", "vhost": "prod", "destination": "orders", "destination_type": "queue", "routing_key": ""},
            {"source": "other", "vhost": "prod", "destination": "mail", "destination_type": "queue", "routing_key": ""},
            {"source": "amq.topic", "vhost": "prod", "destination": "orders", "destination_type": "queue", "routing_key": "x"}
          ]
        }
        """);

    [Fact]
    public void Nothing_given_means_everything() => Assert.Same(Whole, new DefinitionsSelection().Apply(Whole));

    [Fact]
    public void Virtual_hosts_alone_mean_all_that_is_in_them()
    {
        DefinitionsDocument part = new DefinitionsSelection { VirtualHosts = ["te*"] }.Apply(Whole);

        Assert.Equal(["virtual host 'test'", "permission of 'app' in 'test'", "queue 'orders' in 'test'"], part.Objects.Names());
    }

    [Fact]
    public void A_queue_comes_with_all_that_leads_to_it_and_where_its_dead_letters_go()
    {
        DefinitionsDocument part = new DefinitionsSelection { VirtualHosts = ["prod"], Queues = ["ord*"] }.Apply(Whole);

        Assert.Equal(
            [
                "virtual host 'prod'",
                "exchange 'in' in 'prod'",
                "exchange 'fan' in 'prod'",
                "exchange 'lost' in 'prod'",
                "exchange 'dlx' in 'prod'",
                "queue 'orders' in 'prod'",
                "binding 'in' -> exchange 'fan' with key '#' in 'prod'",
                "binding 'fan' -> queue 'orders' with key '' in 'prod'",
                "binding 'amq.topic' -> queue 'orders' with key 'x' in 'prod'",
            ],
            part.Objects.Names());
    }

    [Fact]
    public void A_user_comes_with_its_rights_and_their_virtual_hosts()
    {
        DefinitionsDocument part = new DefinitionsSelection { Users = ["app"] }.Apply(Whole);

        Assert.Equal(
            ["virtual host 'prod'", "virtual host 'test'", "user 'app'", "permission of 'app' in 'prod'", "permission of 'app' in 'test'", "topic permission of 'app' on exchange 'in' in 'prod'"],
            part.Objects.Names());
    }

    [Fact]
    public void Policies_include_operator_policies_and_parameters_go_by_name()
    {
        Assert.Equal(["virtual host 'prod'", "parameter 'operator_policy/limits' in 'prod'", "policy 'ttl' in 'prod'"], new DefinitionsSelection { Policies = ["*"] }.Apply(Whole).Objects.Names());
        Assert.Equal(["virtual host 'prod'", "parameter 'shovel/move' in 'prod'"], new DefinitionsSelection { Parameters = ["move"] }.Apply(Whole).Objects.Names());
    }

    [Theory]
    [InlineData("queue", "none")]
    [InlineData("exchange", "none")]
    [InlineData("user", "none")]
    [InlineData("policy", "none")]
    [InlineData("parameter", "none")]
    [InlineData("virtual host", "none")]
    public void A_name_that_is_not_there_is_an_error(string noun, string name)
    {
        string[] names = [name];
        DefinitionsSelection selection = noun switch
        {
            "queue" => new() { Queues = names },
            "exchange" => new() { Exchanges = names },
            "user" => new() { Users = names },
            "policy" => new() { Policies = names },
            "parameter" => new() { Parameters = names },
            _ => new() { VirtualHosts = names },
        };

        RabbitBackupException exception = Assert.Throws<RabbitBackupException>(() => selection.Apply(Whole));

        Assert.Equal((ErrorCode.DefinitionInvalid, name), (exception.Code, exception.Target));
        Assert.Contains($"no {noun} '{name}'", exception.Message);
    }

    [Fact]
    public void A_pattern_that_matches_nothing_is_none() => Assert.Empty(new DefinitionsSelection { Queues = ["none*"] }.Apply(Whole).Objects);
}
