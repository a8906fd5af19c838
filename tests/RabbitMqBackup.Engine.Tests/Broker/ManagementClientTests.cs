using System.Text;
using System.Text.Json;
using RabbitMqBackup.Engine.Broker;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Broker;

public class ManagementClientTests
{
    public static TheoryData<string> Generations => ["3.10", "4.0", "4.3"];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task The_overview_tells_cluster_and_version(string generation)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);

        ClusterOverview overview = await host.Management.GetOverviewAsync(Cancel);

        Assert.StartsWith(generation + ".", overview.RabbitMqVersion);
        Assert.Equal(Version.Parse(generation), new Version(overview.Version.Major, overview.Version.Minor));
        Assert.NotEmpty(overview.ClusterName);
        Assert.Contains(overview.Listeners, listener => listener.Protocol == "amqp" && listener.Port == host.Options.Endpoints[0].Port);
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task Names_with_every_kind_of_character_are_listed_and_found_again(string generation)
    {
        string[] names = ["plain", "a/b", "%2F", "?x#y&z=1", "ü ä", "+", ";", ".", "..", "\\", "名前", "a%2Fb"];
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation, $"mgmt/%2F {Guid.NewGuid():N}");
        await using BrokerConnection connection = await BrokerConnection.OpenAsync(host.Options, null, Cancel);
        foreach (string name in names)
        {
            await connection.DeclareAsync(new() { Queue = new(host.Name, name), Type = "classic" }, Cancel);
        }

        List<QueueInfo> listed = await host.Management.ListQueuesAsync(host.Name, Cancel).ToListAsync(Cancel);

        Assert.Equal(names.Order(StringComparer.Ordinal), listed.Select(queue => queue.Name).Order(StringComparer.Ordinal));
        foreach (string name in names)
        {
            Assert.Equal(name, (await host.Management.GetQueueAsync(new(host.Name, name), Cancel))?.Name);
        }
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task A_queue_comes_with_its_properties_and_the_policies_in_force(string generation)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        await host.DeclareAsync("qq", """{"durable":true,"arguments":{"x-queue-type":"quorum","x-delivery-limit":5}}""");
        await host.DeclareAsync("cq", """{"durable":true,"auto_delete":true,"arguments":{"x-max-priority":5}}""");
        await host.PutPolicyAsync("p1", """{"pattern":".*","definition":{"delivery-limit":7,"max-length":1000},"priority":3,"apply-to":"queues"}""");
        await host.PutPolicyAsync("op", """{"pattern":"q","definition":{"max-length":500},"apply-to":"queues"}""", "operator-policies");

        // At once: the broker has no statistics of these queues yet, and the policies are worked out here.
        QueueInfo young = (await host.Management.GetQueueAsync(new(host.Name, "qq"), Cancel))!;
        AssertPolicy(young);

        QueueInfo quorum = await host.UntilAsync("qq", queue => queue.State == "running" && queue.Members.Count > 0 && queue.EffectivePolicy.Count > 0);
        AssertPolicy(quorum);
        Assert.Equal(("quorum", true, false, false), (quorum.Type, quorum.Durable, quorum.AutoDelete, quorum.Exclusive));
        Assert.Equal(5L, quorum.Arguments["x-delivery-limit"]);
        Assert.Equal(5, DeliveryLimit.Of(quorum, Version.Parse(generation)).Value);
        Assert.Single(quorum.Online);

        QueueInfo classic = (await host.Management.GetQueueAsync(new(host.Name, "cq"), Cancel))!;
        Assert.Equal(("classic", true), (classic.Type, classic.AutoDelete));

        static void AssertPolicy(QueueInfo queue)
        {
            Assert.Equal("p1", queue.Policy);
            Assert.Equal((500L, 7L), (queue.EffectivePolicy["max-length"], queue.EffectivePolicy["delivery-limit"]));
        }
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task A_listing_of_several_pages_has_every_queue_once(string generation)
    {
        const int count = 1203;
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        string queues = string.Join(',', Enumerable.Range(0, count).Select(i => $$$"""{"name":"q{{{i:0000}}}","durable":true,"auto_delete":false,"arguments":{}}"""));
        await host.Management.ImportDefinitionsAsync(Encoding.UTF8.GetBytes($$"""{"queues":[{{queues}}]}"""), host.Name, Cancel);

        List<QueueInfo> listed = await host.Management.ListQueuesAsync(host.Name, Cancel).ToListAsync(Cancel);

        Assert.Equal(count, listed.Count);
        Assert.Equal(count, listed.Select(queue => queue.Name).Distinct().Count());
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task What_is_not_there_is_null(string generation)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);

        Assert.Null(await host.Management.GetQueueAsync(new(host.Name, "none"), Cancel));
        Assert.Null(await host.Management.GetDefinitionsAsync("none " + host.Name, Cancel));
        Assert.False(await host.Management.DeletePolicyAsync(host.Name, "none", Cancel));
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task Virtual_hosts_are_created_once_and_policies_come_and_go(string generation)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        PolicyRule rule = new()
        {
            VirtualHost = host.Name,
            Name = "a/b",
            Pattern = "^q",
            ApplyTo = "queues",
            Priority = 4,
            Definition = new Dictionary<string, object?> { ["max-length"] = 9L, ["overflow"] = "reject-publish" },
        };

        await host.Management.CreateVirtualHostAsync(host.Name, Cancel);
        await host.Management.PutPolicyAsync(rule, Cancel);
        PolicyRule read = Assert.Single(await host.Management.ListPoliciesAsync(host.Name, Cancel));
        Assert.Equal(rule.Definition, read.Definition);
        Assert.Equal(rule with { Definition = read.Definition }, read);
        Assert.True(await host.Management.DeletePolicyAsync(host.Name, "a/b", Cancel));
        Assert.Empty(await host.Management.ListPoliciesAsync(host.Name, Cancel));
        Assert.Contains(host.Name, await host.Management.ListVirtualHostsAsync(Cancel));
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task A_policy_that_the_broker_refuses_is_invalid_with_its_reason(string generation)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        PolicyRule rule = new() { VirtualHost = host.Name, Name = "p", Pattern = ".*", ApplyTo = "queues", Priority = 0, Definition = new Dictionary<string, object?> { ["no-such-key"] = 1L } };

        RabbitBackupException exception = await Assert.ThrowsAsync<RabbitBackupException>(() => host.Management.PutPolicyAsync(rule, Cancel));

        Assert.Equal((ErrorCode.DefinitionInvalid, false), (exception.Code, exception.IsTransient));
        Assert.Contains("no-such-key", exception.Message);
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task A_wrong_password_and_a_missing_tag_are_told_apart(string generation)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        BrokerOptions noTag = await host.AddUserAsync("");
        BrokerOptions monitoring = await host.AddUserAsync("monitoring");
        using ManagementClient wrong = new(host.Options with { Credential = new("guest", "wrong-word") });
        using ManagementClient untagged = new(noTag);
        using ManagementClient observer = new(monitoring);

        RabbitBackupException authentication = await Assert.ThrowsAsync<RabbitBackupException>(() => wrong.GetOverviewAsync(Cancel));
        RabbitBackupException tag = await Assert.ThrowsAsync<RabbitBackupException>(() => untagged.GetOverviewAsync(Cancel));
        RabbitBackupException administrator = await Assert.ThrowsAsync<RabbitBackupException>(() => observer.GetDefinitionsAsync(null, Cancel));

        Assert.Equal(ErrorCode.BrokerAuthenticationFailed, authentication.Code);
        Assert.DoesNotContain("wrong-word", authentication.ToString());
        Assert.Equal(ErrorCode.BrokerAccessRefused, tag.Code);
        Assert.Contains("monitoring", tag.Hint);
        Assert.Equal(ErrorCode.BrokerAccessRefused, administrator.Code);
        Assert.Contains("'administrator'", administrator.Hint);
        Assert.Contains("/api/definitions", administrator.Message);
        Assert.Equal(["monitoring"], (await observer.WhoAmIAsync(Cancel)).Tags);
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task Nodes_tell_their_alarms_and_limits(string generation)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);

        NodeHealth node;
        // A node that has just started has no statistics of itself for some seconds.
        for (DateTime deadline = DateTime.UtcNow.AddSeconds(30); (node = Assert.Single(await host.Management.ListNodesAsync(Cancel))).MemoryLimit == 0 && DateTime.UtcNow < deadline;)
        {
            await Task.Delay(200, Cancel);
        }

        Assert.True(node.Running);
        Assert.InRange(node.MemoryUsed, 1, node.MemoryLimit);
        Assert.InRange(node.DiskFree, 1, long.MaxValue);
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task Definitions_are_RabbitMQs_own_json(string generation)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        await host.DeclareAsync("orders");

        JsonElement whole = JsonDocument.Parse((await host.Management.GetDefinitionsAsync(null, Cancel))!).RootElement;
        JsonElement one = JsonDocument.Parse((await host.Management.GetDefinitionsAsync(host.Name, Cancel))!).RootElement;

        Assert.Contains(whole.GetProperty("queues").EnumerateArray(), queue => queue.GetProperty("vhost").GetString() == host.Name);
        Assert.Equal("orders", Assert.Single(one.GetProperty("queues").EnumerateArray()).GetProperty("name").GetString());
    }
}
