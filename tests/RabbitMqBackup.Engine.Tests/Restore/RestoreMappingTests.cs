using System.Text;
using RabbitMQ.Client;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Restore;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Restore;

public class RestoreMappingTests
{
    [Fact]
    public async Task Queues_get_their_new_names()
    {
        await using RestoreScene scene = await RestoreScene.WithAsync("prod-a", "classic", RestoreScene.Numbered(3));
        await scene.Client.DeclareAsync("prod-b", "quorum");
        await scene.Client.PublishAsync("prod-b", RestoreScene.Numbered(4));
        BackupManifest manifest = await scene.Harness.BackupAsync();

        RestoreResult result = await scene.Harness.RestoreAsync(manifest, options => options with { QueueMap = Map(("prod-*", "test-*")) });

        Assert.True(result.IsComplete);
        Assert.Equal(["test-a", "test-b"], result.Queues.Select(queue => queue.Queue).Order());
        Assert.Equal(["prod-a", "prod-b"], result.Queues.Select(queue => queue.SourceQueue).Order());
        Assert.Equal((3u, 4u, 3u, 4u), (await scene.Client.CountAsync("test-a"), await scene.Client.CountAsync("test-b"), await scene.Client.CountAsync("prod-a"), await scene.Client.CountAsync("prod-b")));
    }

    [Fact]
    public async Task Two_virtual_hosts_are_swapped()
    {
        await using RestoreScene one = await RestoreScene.WithAsync("orders", "classic", RestoreScene.Numbered(5));
        await using RestoreScene other = await RestoreScene.WithAsync("orders", "quorum", RestoreScene.Numbered(7, first: 100));
        string a = one.VirtualHost.Name;
        string b = other.VirtualHost.Name;
        BackupManifest manifest = await one.Harness.BackupAsync(options => options with { Selection = options.Selection with { VirtualHosts = [a, b] } });
        await one.Client.DeleteAsync("orders");
        await other.Client.DeleteAsync("orders");

        RestoreResult result = await one.Harness.RestoreAsync(manifest, options => options with { VirtualHostMap = Map((a, b), (b, a)) });

        Assert.True(result.IsComplete);
        Assert.Equal(Enumerable.Range(100, 7).Select(number => $"{number}"), await one.Client.TakeIdsAsync("orders"));
        Assert.Equal(Enumerable.Range(0, 5).Select(number => $"{number}"), await other.Client.TakeIdsAsync("orders"));
        await one.Client.DeclareAsync("orders", "quorum"); // the type went along: another one is refused
        await other.Client.DeclareAsync("orders", "classic");
    }

    [Fact]
    public async Task Queues_that_go_into_one_follow_each_other()
    {
        await using RestoreScene scene = await RestoreScene.WithAsync("day-1", "classic", RestoreScene.Numbered(500));
        await scene.Client.DeclareAsync("day-2", "classic");
        await scene.Client.PublishAsync("day-2", RestoreScene.Numbered(500, first: 500));
        BackupManifest manifest = await scene.Harness.BackupAsync();

        RestoreResult result = await scene.Harness.RestoreAsync(manifest, options => options with { QueueMap = Map(("day-*", "days")) });

        Assert.True(result.IsComplete);
        Assert.Single(result.Queues, queue => queue.Declared);
        Assert.Equal(Enumerable.Range(0, 1000).Select(number => $"{number}"), await scene.Client.TakeIdsAsync("days"));
    }

    [Fact]
    public async Task A_name_that_is_not_there_to_be_mapped_is_an_error()
    {
        await using RestoreScene scene = await RestoreScene.WithAsync("orders", "classic", RestoreScene.Numbered(1));
        BackupManifest manifest = await scene.Harness.BackupAsync();

        RabbitBackupException queue = await Assert.ThrowsAsync<RabbitBackupException>(() => scene.PlanAsync(manifest, options => options with { QueueMap = Map(("oders", "x")) }));
        RabbitBackupException host = await Assert.ThrowsAsync<RabbitBackupException>(() => scene.PlanAsync(manifest, options => options with { VirtualHostMap = Map(("nowhere", "x")) }));

        Assert.Equal(("oders", "nowhere"), (queue.Target, host.Target));
    }

    [Theory]
    [InlineData("3.10", "4.3", "classic", "quorum")]
    [InlineData("3.10", "4.3", "classic", "classic")]
    [InlineData("3.10", "4.3", "quorum", "quorum")]
    [InlineData("4.3", "3.10", "quorum", "classic")]
    [InlineData("4.3", "3.10", "classic", "classic")]
    public async Task Another_version_and_another_type_get_the_same_messages(string from, string to, string type, string targetType)
    {
        Dictionary<string, object?> arguments = type == "classic" ? new() { ["x-max-priority"] = 5, ["x-queue-mode"] = "lazy" } : new() { ["x-delivery-limit"] = 7 };
        await using RestoreScene source = await RestoreScene.WithAsync("orders", type, Messages(2000), arguments, from);
        await using RestoreScene target = await RestoreScene.EmptyAsync(to);
        List<string> before = await source.Client.FingerprintsAsync("orders");
        BackupManifest manifest = await source.Harness.BackupAsync(options => options with { Force = true });
        RestoreOptions Change(RestoreOptions options) => options with
        {
            QueueType = type == targetType ? null : targetType,
            VirtualHostMap = Map((source.VirtualHost.Name, target.VirtualHost.Name)),
        };

        RestorePlanQueue plan = Assert.Single((await target.PlanAsync(manifest, Change)).Queues);
        RestoreResult result = await target.Harness.RestoreAsync(manifest, Change);

        Assert.True(result.IsComplete, result.Queues[0].Reason);
        Assert.Equal((targetType, type == targetType), (plan.TargetType, plan.NotCarriedOver.Count == 0));
        string[] lost = type == targetType ? [] : [.. arguments.Keys];
        Assert.All(lost, argument => Assert.Contains(plan.NotCarriedOver, loss => loss.Contains(argument, StringComparison.Ordinal)));
        Assert.Equal(before, await target.Client.FingerprintsAsync("orders"));
        await target.Client.DeclareAsync("orders", targetType, type == targetType ? arguments : null); // others are refused
    }

    [Fact]
    public async Task What_a_stream_gets_of_a_queue_is_in_the_plan()
    {
        await using RestoreScene scene = await RestoreScene.WithAsync("orders", "classic", RestoreScene.Numbered(100), new() { ["x-message-ttl"] = 60_000_000, ["x-max-priority"] = 3 });
        BackupManifest manifest = await scene.Harness.BackupAsync();
        RestoreOptions Change(RestoreOptions options) => options with { QueueType = "stream", QueueMap = Map(("orders", "log")) };

        RestorePlanQueue plan = Assert.Single((await scene.PlanAsync(manifest, Change)).Queues);
        RestoreResult result = await scene.Harness.RestoreAsync(manifest, Change);

        Assert.Equal(2, plan.NotCarriedOver.Count);
        Assert.Equal(100, result.Confirmed);
        await scene.Client.DeclareAsync("log", "stream");
    }

    private static IEnumerable<(BasicProperties Properties, byte[] Body)> Messages(int count) => Enumerable.Range(0, count).Select(number => (
        new BasicProperties
        {
            MessageId = $"{number}",
            ContentType = "application/json",
            DeliveryMode = DeliveryModes.Persistent,
            Headers = new Dictionary<string, object?> { ["zeta"] = number, ["alpha"] = "text", ["list"] = new List<object?> { 1L, "two" } },
        },
        Encoding.UTF8.GetBytes($"{{\"number\":{number}}}")));

    private static NameMap Map(params (string Old, string New)[] names) => NameMap.Create(names.Select(pair => KeyValuePair.Create(pair.Old, pair.New)), "Map");
}
