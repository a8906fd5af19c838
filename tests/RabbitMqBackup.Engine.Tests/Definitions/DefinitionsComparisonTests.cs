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
