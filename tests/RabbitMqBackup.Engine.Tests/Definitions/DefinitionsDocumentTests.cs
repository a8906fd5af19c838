using System.Text;
using System.Text.Json;
using RabbitMqBackup.Engine.Definitions;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Definitions;

public class DefinitionsDocumentTests
{
    private const string Sample = """
        {
          "rabbit_version": "3.10.8", "original_cluster_name": "rabbit@prod", "future": {"a": 1.50, "b": "\u00fc"},
          "users": [{"name": "ops", "password_hash": "abc", "tags": "administrator, monitoring", "limits": []}],
          "vhosts": [{"name": "/"}],
          "permissions": [{"user": "ops", "vhost": "/", "configure": ".*", "write": "w", "read": "r"}],
          "topic_permissions": [{"user": "ops", "vhost": "/", "exchange": "ex", "write": "w", "read": "r"}],
          "parameters": [{"value": {"uri": "amqp://u:p@h"}, "vhost": "/", "component": "shovel", "name": "s"}],
          "global_parameters": [{"name": "cluster_tags", "value": []}],
          "policies": [{"vhost": "/", "name": "p", "pattern": "^q", "definition": {"max-length": 5}}],
          "queues": [{"name": "q", "vhost": "/", "durable": true, "auto_delete": false, "arguments": {"x-queue-type": "quorum", "x-max-length": 12345678901}, "new_field": [1,  2.0]}],
          "exchanges": [{"name": "ex", "vhost": "/", "type": "topic", "durable": true, "auto_delete": false, "internal": true, "arguments": {}}],
          "bindings": [{"source": "ex", "vhost": "/", "destination": "q", "destination_type": "queue", "routing_key": "k", "arguments": {}}]
        }
        """;

    [Fact]
    public void Objects_are_typed()
    {
        DefinitionsDocument document = Parse(Sample);

        Assert.Equal(("3.10.8", "rabbit@prod", false), (document.RabbitMqVersion, document.ClusterName, document.IsSingleVirtualHost));
        Assert.Equal(["administrator", "monitoring"], document.Users[0].Tags);
        Assert.True(document.Users[0].HasPassword);
        Assert.Equal(("ops", ".*", "w", "r"), (document.Permissions[0].User, document.Permissions[0].Configure, document.Permissions[0].Write, document.Permissions[0].Read));
        Assert.Equal("ex", document.TopicPermissions[0].Exchange);
        Assert.Equal(("shovel", "s"), (document.Parameters[0].Component, document.Parameters[0].Name));
        Assert.Equal(5L, document.Policies[0].Definition["max-length"]);
        Assert.Equal(("all", 0L), (document.Policies[0].ApplyTo, document.Policies[0].Priority));
        Assert.Equal(("quorum", true, 12345678901L), (document.Queues[0].Type, document.Queues[0].Durable, document.Queues[0].Arguments["x-max-length"]));
        Assert.True(document.Exchanges[0].Internal);
        Assert.Equal(("ex", "q", "k"), (document.Bindings[0].Source, document.Bindings[0].Destination, document.Bindings[0].RoutingKey));
        Assert.Equal("queue 'q' in '/'", document.Queues[0].ToString());
        Assert.Equal("virtual host '/'", document.VirtualHosts[0].ToString());
        Assert.Equal("binding 'ex' -> queue 'q' with key 'k' in '/'", document.Bindings[0].ToString());
        Assert.Equal(10, document.Objects.Count);
    }

    [Fact]
    public void What_is_not_known_is_kept_byte_by_byte_and_warned_of()
    {
        DefinitionsDocument document = Parse(Sample);

        string json = Encoding.UTF8.GetString(document.ToJson());

        Assert.Contains("\"future\": {\"a\": 1.50, \"b\": \"\\u00fc\"}", json);
        Assert.Contains("\"new_field\": [1,  2.0]", json);
        Assert.Contains("\"future\"", document.Warnings[0]);
        Assert.Contains("queues[0] ('q') has \"new_field\"", document.Warnings[1]);
        Assert.Equal(2, document.Warnings.Count);
    }

    [Fact]
    public void Writing_and_reading_again_gives_the_same()
    {
        DefinitionsDocument document = Parse(Sample);

        DefinitionsDocument again = Parse(Encoding.UTF8.GetString(document.ToJson()));

        Assert.True(JsonElement.DeepEquals(JsonDocument.Parse(Sample).RootElement, JsonDocument.Parse(again.ToJson()).RootElement));
        Assert.Equal(document.ToJson(), again.ToJson());
    }

    [Fact]
    public void A_byte_order_mark_is_accepted() => Assert.Single(DefinitionsDocument.Parse((byte[])[0xEF, 0xBB, 0xBF, .. """{"queues":[{"name":"q","vhost":"/"}]}"""u8], "f").Queues);

    [Fact]
    public void A_file_that_Windows_PowerShell_redirected_is_accepted()
    {
        const string json = """{"queues":[{"name":"ü","vhost":"/"}]}""";
        foreach (Encoding encoding in new[] { Encoding.Unicode, Encoding.BigEndianUnicode })
        {
            Assert.Equal("ü", Assert.Single(DefinitionsDocument.Parse((byte[])[.. encoding.GetPreamble(), .. encoding.GetBytes(json)], "f").Queues).Name);
        }
    }

    [Fact]
    public void A_file_without_any_list_of_definitions_is_warned_of() => Assert.Contains("no definitions in it", Assert.Single(Parse("{}").Warnings));

    [Theory]
    [InlineData("{\n\"queues\": [\n{\"name\": \"q\",}]}", "line 3, byte 14")]
    [InlineData("", "is empty")]
    [InlineData(" ", "line 1, byte 2")]
    [InlineData("""{"queues": [], "queues": []}""", "has \"queues\" twice")]
    [InlineData("""{"queues": [{"name": "a"}, {"name": "a", "name": "b"}]}""", "queues[1] has \"name\" twice")]
    [InlineData("""{"queues": [{"name": "a", "arguments": {"x": 1, "x": 2}}]}""", "queues[0].arguments has \"x\" twice")]
    [InlineData("[]", "must be an object, not a list")]
    [InlineData("""{"queues": {}}""", "\"queues\" must be a list, not an object")]
    [InlineData("""{"queues": [7]}""", "queues[0] must be an object, not a number")]
    [InlineData("""{"queues": [{"vhost": "/"}]}""", "queues[0] lacks \"name\"")]
    [InlineData("""{"queues": [{"name": "orders", "durable": "yes"}]}""", "queues[0] ('orders') \"durable\" must be true or false, not a text")]
    [InlineData("""{"queues": [{"name": "orders", "arguments": [1]}]}""", "\"arguments\" must be an object, not a list")]
    [InlineData("""{"policies": [{"name": "p", "pattern": ".*"}]}""", "lacks \"definition\"")]
    [InlineData("""{"bindings": [{"source": null}]}""", "\"source\" must be a text, not null")]
    [InlineData("""{"vhosts": [{"name": "a"}], "queues": [{"name": "orders"}]}""", "the queue 'orders' lacks \"vhost\"")]
    [InlineData("""{"queues": [{"name": "orders", "vhost": "/"}], "exchanges": [{"name": "ex", "type": "topic"}]}""", "the exchange 'ex' lacks \"vhost\"")]
    [InlineData("""{"users": [{"name": "u", "tags": 7}]}""", "\"tags\" must be a text or a list, not a number")]
    public void A_fault_is_told_with_its_place(string json, string expected)
    {
        RabbitBackupException exception = Assert.Throws<RabbitBackupException>(() => Parse(json));

        Assert.Equal((ErrorCode.DefinitionInvalid, "defs.json"), (exception.Code, exception.Target));
        Assert.Contains(expected, exception.Message);
        Assert.Contains("defs.json", exception.Message);
    }

    [Fact]
    public void Several_faults_are_told_together_up_to_ten()
    {
        string queues = string.Join(',', Enumerable.Repeat("{}", 25));

        RabbitBackupException exception = Assert.Throws<RabbitBackupException>(() => Parse($$"""{"queues": [{{queues}}], "users": [{}]}"""));

        Assert.Contains("queues[9]", exception.Message);
        Assert.DoesNotContain("queues[10]", exception.Message);
        Assert.Contains("and 16 more", exception.Message);
    }

    [Fact]
    public void An_object_that_stands_there_twice_is_warned_of() =>
        Assert.Contains("queue 'q' in '/' stands there 2 times", Assert.Single(Parse("""{"queues": [{"name": "q", "vhost": "/"}, {"name": "q", "vhost": "/"}, {"name": "q", "vhost": "b"}]}""").Warnings));

    [Fact]
    public void A_file_of_one_virtual_host_becomes_one_of_the_cluster()
    {
        DefinitionsDocument document = Parse("""
            {"rabbitmq_version": "4.0.5", "rabbitmq_definition_format": "single_virtual_host", "original_vhost_name": "prod", "description": "d", "default_queue_type": "quorum",
             "metadata": {"description": "d", "tags": ["a"], "default_queue_type": "quorum"}, "parameters": [], "queues": [{"name": "q", "durable": true, "auto_delete": false, "arguments": {}}]}
            """);

        DefinitionsDocument same = document.ToClusterWide(null);
        DefinitionsDocument other = document.ToClusterWide("dr");

        Assert.True(document.IsSingleVirtualHost);
        Assert.Equal("prod", document.OriginalVirtualHost);
        Assert.False(same.IsSingleVirtualHost);
        Assert.Equal(("prod", "quorum", "d"), (same.VirtualHosts[0].Name, same.VirtualHosts[0].DefaultQueueType, same.VirtualHosts[0].Description));
        Assert.Equal("prod", same.Queues[0].VirtualHost);
        Assert.Equal(("dr", "dr"), (other.VirtualHosts[0].Name, other.Queues[0].VirtualHost));
    }

    [Fact]
    public void A_file_of_one_virtual_host_that_does_not_tell_which_needs_a_name()
    {
        DefinitionsDocument document = Parse("""{"rabbit_version": "3.10.8", "queues": [{"name": "q"}]}""");

        Assert.True(document.IsSingleVirtualHost);
        Assert.Throws<ArgumentException>(() => document.ToClusterWide(null));
        Assert.Equal("x", document.ToClusterWide("x").Queues[0].VirtualHost);
    }

    [Fact]
    public void Single_objects_make_a_document()
    {
        DefinitionsDocument document = DefinitionsDocument.FromObjects(Parse(Sample).Queues);

        Assert.Single(document.Queues);
        Assert.Empty(document.Users);
        Assert.Single(Parse(Encoding.UTF8.GetString(document.ToJson())).Queues);
    }

    private static DefinitionsDocument Parse(string json) => DefinitionsDocument.Parse(Encoding.UTF8.GetBytes(json), "defs.json");
}
