using System.Text;
using RabbitMqBackup.Engine.Definitions;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Definitions;

public class DefinitionsComparisonTests
{
    [Fact]
    public void Added_removed_and_changed_objects_are_told_with_the_path()
    {
        List<DefinitionDifference> differences = Compare(
            """{"queues": [{"name": "a", "vhost": "/", "durable": true, "arguments": {"x-max-length": 5}}, {"name": "b", "vhost": "/"}]}""",
            """{"queues": [{"name": "a", "vhost": "/", "durable": false, "arguments": {"x-max-length": 6, "x-expires": 7}}, {"name": "c", "vhost": "/"}]}""");

        Assert.Equal(
            [
                "Changed: queue 'a' in '/': arguments.x-expires (none) -> 7",
                "Changed: queue 'a' in '/': arguments.x-max-length 5 -> 6",
                "Changed: queue 'a' in '/': durable true -> false",
                "Added: queue 'c' in '/'",
                "Removed: queue 'b' in '/'",
            ],
            differences.Select(difference => difference.ToString()));
    }

    [Theory]
    [InlineData("""{"queues": [{"name": "q", "vhost": "/", "durable": true, "auto_delete": false, "arguments": {}}]}""", """{"queues": [{"vhost": "/", "type": "classic", "name": "q", "durable": true, "auto_delete": false, "arguments": {"x-queue-type": "classic"}}]}""")]
    [InlineData("""{"queues": [{"name": "q", "vhost": "/", "arguments": {"x": 1}}]}""", """{"queues": [{"name": "q", "vhost": "/", "arguments": {"x": 1.0}}]}""")]
    [InlineData("""{"queues": [{"name": "q", "vhost": "/", "arguments": []}]}""", """{"queues": [{"name": "q", "vhost": "/", "arguments": {}}]}""")]
    [InlineData("""{"exchanges": [{"name": "e", "vhost": "/", "type": "topic", "internal": false}]}""", """{"exchanges": [{"name": "e", "vhost": "/", "type": "topic"}]}""")]
    [InlineData("""{"users": [{"name": "u", "tags": "b,a", "limits": []}]}""", """{"users": [{"name": "u", "tags": ["a", "b"], "limits": {}, "hashing_algorithm": "rabbit_password_hashing_sha256"}]}""")]
    [InlineData("""{"vhosts": [{"name": "v"}]}""", """{"vhosts": [{"name": "v", "limits": {"max-queues": 5}, "metadata": {"description": "", "tags": [], "default_queue_type": "classic"}}]}""")]
    [InlineData("""{"vhosts": [{"name": "v", "default_queue_type": "undefined"}]}""", """{"vhosts": [{"name": "v", "description": ""}]}""")]
    [InlineData("""{"policies": [{"name": "p", "vhost": "/", "pattern": "x", "definition": {}}]}""", """{"policies": [{"name": "p", "vhost": "/", "pattern": "x", "apply-to": "all", "priority": 0, "definition": {}}]}""")]
    [InlineData("""{"bindings": [{"source": "e", "vhost": "/", "destination": "q", "routing_key": "k"}]}""", """{"bindings": [{"source": "e", "vhost": "/", "destination": "q", "destination_type": "queue", "routing_key": "k", "arguments": {}}]}""")]
    public void The_spelling_of_versions_is_no_difference(string first, string second) => Assert.Empty(Compare(first, second));

    [Fact]
    public void Rights_are_no_difference_to_a_file_of_one_virtual_host_which_never_has_them()
    {
        DefinitionsDocument whole = Json.Document("""
            {"vhosts": [{"name": "v"}, {"name": "w"}], "users": [{"name": "u"}], "permissions": [{"user": "u", "vhost": "v", "configure": "", "write": "", "read": ""}],
             "topic_permissions": [{"user": "u", "vhost": "v", "exchange": "e", "write": "", "read": ""}], "queues": [{"name": "q", "vhost": "v"}]}
            """);
        DefinitionsDocument single = Json.Document("""{"rabbitmq_definition_format": "single_virtual_host", "original_vhost_name": "v", "queues": [{"name": "q"}]}""");

        Assert.Empty(new DefinitionsPair().Compare(single, whole));
        Assert.Empty(new DefinitionsPair().Compare(whole, single));
        Assert.Single(new DefinitionsPair().Compare(single, whole.WithObjects(whole.Objects.Where(item => item is not QueueDefinition))));
    }

    [Fact]
    public void A_user_of_whom_no_password_is_told_does_not_differ_in_it()
    {
        const string known = """{"users": [{"name": "u", "password_hash": "hash", "hashing_algorithm": "rabbit_password_hashing_sha512", "tags": []}]}""";

        Assert.Empty(Compare("""{"users": [{"name": "u", "tags": ""}]}""", known));
        Assert.Empty(Compare(known, """{"users": [{"name": "u", "tags": ""}]}"""));
        Assert.NotEmpty(Compare(known, """{"users": [{"name": "u", "tags": "", "password_hash": ""}]}"""));
    }

    [Fact]
    public void Bindings_differ_by_all_their_parts()
    {
        List<DefinitionDifference> differences = Compare(
            """{"bindings": [{"source": "e", "vhost": "/", "destination": "q", "routing_key": "k", "arguments": {"a": 1, "b": 2}}]}""",
            """{"bindings": [{"source": "e", "vhost": "/", "destination": "q", "routing_key": "k", "arguments": {"b": 2, "a": 1}}, {"source": "e", "vhost": "/", "destination": "q", "routing_key": "K"}, {"source": "e", "vhost": "/", "destination": "q", "destination_type": "exchange", "routing_key": "k"}]}""");

        Assert.Equal([DefinitionChange.Added, DefinitionChange.Added], differences.Select(difference => difference.Change));
    }

    [Fact]
    public void Secrets_are_hidden()
    {
        List<DefinitionDifference> differences = Compare(
            """{"users": [{"name": "u", "password_hash": "old-hash"}], "parameters": [{"vhost": "/", "component": "shovel", "name": "s", "value": {"src-uri": ["amqp://u:old-word@h/"]}}]}""",
            """{"users": [{"name": "u", "password_hash": "new-hash"}], "parameters": [{"vhost": "/", "component": "shovel", "name": "s", "value": {"src-uri": ["amqp://u:new-word@h/"]}}]}""");

        Assert.Equal(2, differences.Count);
        string all = string.Join('\n', differences);
        Assert.DoesNotContain("hash\"", all);
        Assert.DoesNotContain("-word", all);
        Assert.Contains("value.src-uri[0] \"amqp://***@h/\"", all);
    }

    private static List<DefinitionDifference> Compare(string first, string second) =>
        [.. DefinitionsComparison.Compare(DefinitionsDocument.Parse(Encoding.UTF8.GetBytes(first), "first"), DefinitionsDocument.Parse(Encoding.UTF8.GetBytes(second), "second"))];
}
