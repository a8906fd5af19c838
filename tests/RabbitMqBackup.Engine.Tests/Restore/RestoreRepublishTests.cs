using System.Net.Http.Json;
using System.Text;
using RabbitMQ.Client;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Restore;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Restore;

public class RestoreRepublishTests
{
    [Fact]
    public async Task Through_exchanges_messages_go_where_the_bindings_lead()
    {
        await using RestoreScene scene = await RestoreScene.WithAsync("eu", "classic", []);
        await scene.Client.DeclareAsync("all", "classic");
        await scene.Client.BindAsync("orders", "topic", "eu", "eu.#");
        await scene.Client.BindAsync("orders", "topic", "all", "#");
        await scene.Client.PublishToAsync("orders", "eu.new", new BasicProperties { MessageId = "1" }, [1]);
        BackupManifest manifest = await scene.Harness.BackupAsync(options => options with { Selection = options.Selection with { Names = ["eu"] }, SkipDefinitions = false });
        await scene.Client.TakeIdsAsync("eu");
        await scene.Client.TakeIdsAsync("all");

        RestoreResult result = await scene.Harness.RestoreAsync(manifest, options => options with { PublishMode = PublishMode.Exchange });

        Assert.True(result.IsComplete);
        BasicGetResult again = (await scene.Client.TakeAsync("eu"))!;
        Assert.Equal(("orders", "eu.new"), (again.Exchange, again.RoutingKey));
        Assert.Equal(["1"], await scene.Client.TakeIdsAsync("all"));
    }

    [Fact]
    public async Task A_missing_exchange_is_in_the_plan_and_another_can_take_its_place()
    {
        await using RestoreScene scene = await RestoreScene.WithAsync("eu", "classic", []);
        await scene.Client.BindAsync("orders", "topic", "eu", "eu.#");
        await scene.Client.PublishToAsync("orders", "eu.new", new BasicProperties { MessageId = "1" }, [1]);
        BackupManifest manifest = await scene.Harness.BackupAsync(options => options with { SkipDefinitions = false });
        BackupManifest without = await scene.Harness.BackupAsync();
        await scene.Client.TakeIdsAsync("eu");
        using HttpResponseMessage deleted = await scene.VirtualHost.Broker.Management.DeleteAsync(
            $"exchanges/{Uri.EscapeDataString(scene.VirtualHost.Name)}/orders", TestContext.Current.CancellationToken);
        deleted.EnsureSuccessStatusCode();
        await scene.Client.BindAsync("substitute", "fanout", "eu", "");

        RestorePlan plan = await scene.PlanAsync(manifest, options => options with { PublishMode = PublishMode.Exchange });
        RestoreResult unseen = await scene.Harness.RestoreAsync(without, options => options with { PublishMode = PublishMode.Exchange });
        RestoreResult substituted = await scene.Harness.RestoreAsync(manifest, options => options with
        {
            PublishMode = PublishMode.Exchange,
            ExchangeMap = NameMap.Create([KeyValuePair.Create("orders", "substitute")], "ExchangeMap"),
        });

        Assert.Contains(plan.Queues[0].Conflicts, conflict => conflict.Contains("'orders' is missing", StringComparison.Ordinal));
        Assert.Equal((1, 0, nameof(ErrorCode.PublishUnroutable)), (unseen.Returned, unseen.Confirmed, unseen.Queues[0].ErrorCode));
        Assert.Contains("exchange 'orders' is missing", Assert.Single(unseen.Queues[0].Samples).Reason, StringComparison.Ordinal);
        Assert.True(substituted.IsComplete);
        Assert.Equal(["1"], await scene.Client.TakeIdsAsync("eu"));
    }

    [Fact]
    public async Task An_alternate_exchange_that_swallows_returns_is_told_and_what_reaches_no_queue_is_counted()
    {
        await using RestoreScene scene = await RestoreScene.WithAsync("eu", "classic", []);
        await scene.Client.BindAsync("orders", "direct", "eu", "eu", new() { ["alternate-exchange"] = "unrouted" });
        await scene.Client.BindAsync("plain", "direct", "eu", "eu");
        await scene.Client.PublishToAsync("plain", "eu", new BasicProperties { MessageId = "1" }, [1]);
        BackupManifest manifest = await scene.Harness.BackupAsync(options => options with { SkipDefinitions = false });
        await scene.Client.DeleteAsync("eu");
        await scene.Client.DeclareAsync("eu", "classic");

        RestorePlan plan = await scene.PlanAsync(manifest, options => options with { PublishMode = PublishMode.Exchange });
        RestoreResult result = await scene.Harness.RestoreAsync(manifest, options => options with { PublishMode = PublishMode.Exchange });

        Assert.Contains(plan.Queues[0].Notes, note => note.Contains("alternate exchange 'unrouted'", StringComparison.Ordinal));
        Assert.Equal((1, 0), (result.Returned, result.Confirmed));
        Assert.StartsWith("312", Assert.Single(result.Queues[0].Samples).Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ExpirationHandling.Keep)]
    [InlineData(ExpirationHandling.Drop)]
    [InlineData(ExpirationHandling.Remaining)]
    public async Task The_time_to_live_is_handled_as_asked(ExpirationHandling handling)
    {
        await using RestoreScene scene = await RestoreScene.WithAsync("ttl", "classic", [
            (new BasicProperties { MessageId = "long", Expiration = "3600000" }, [1]),
            (new BasicProperties { MessageId = "short", Expiration = "60000" }, [2]),
            (new BasicProperties { MessageId = "none" }, [3])]);
        BackupManifest manifest = await scene.Harness.BackupAsync();
        await scene.Client.DeleteAsync("ttl");
        RestoreEngine engine = new(time: new Later(TimeSpan.FromMinutes(10)));

        RestorePlan plan = await scene.PlanAsync(manifest, options => options with { Expiration = handling });
        RestoreResult result = await engine.ExecuteAsync(plan, scene.Harness, TestContext.Current.CancellationToken);

        Assert.True(result.IsComplete);
        Assert.Equal(handling == ExpirationHandling.Remaining ? (2, 1) : (3, 0), (result.Confirmed, result.Expired));
        string? expiration = (await scene.Client.TakeAsync("ttl"))!.BasicProperties.Expiration;
        switch (handling)
        {
            case ExpirationHandling.Keep:
                Assert.Equal("3600000", expiration);
                break;
            case ExpirationHandling.Drop:
                Assert.Null(expiration);
                break;
            default:
                Assert.InRange(int.Parse(expiration!), 2_900_000, 3_000_000);
                break;
        }
    }

    [Fact]
    public async Task Headers_of_brokers_and_clients_are_not_sent_again_and_those_of_dead_letters_are()
    {
        Dictionary<string, object?> headers = new()
        {
            ["x-delivery-count"] = 3,
            ["x-acquired-count"] = 4,
            ["x-stream-offset"] = 5L,
            ["x-dotnet-pub-seq-no"] = 6L,
            ["x-death"] = new List<object?> { new Dictionary<string, object?> { ["queue"] = "q", ["count"] = 2L } },
            ["x-first-death-queue"] = "q",
            ["x-delay"] = -5000,
            ["mine"] = "kept",
        };
        await using RestoreScene scene = await RestoreScene.WithAsync("headers", "classic", [(new BasicProperties { Headers = headers, Priority = 7 }, [1])]);
        BackupManifest manifest = await scene.Harness.BackupAsync();
        await scene.Client.DeleteAsync("headers");

        await scene.Harness.RestoreAsync(manifest);

        IReadOnlyBasicProperties restored = (await scene.Client.TakeAsync("headers"))!.BasicProperties;
        Assert.Equal(["mine", "x-death", "x-delay", "x-first-death-queue"], restored.Headers!.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(7, restored.Priority);
    }

    [Fact]
    public async Task User_ids_of_others_are_left_out_and_counted_or_kept_by_an_impersonator()
    {
        await using RestoreScene scene = await RestoreScene.WithAsync("signed", "classic", [(new BasicProperties { UserId = "guest" }, [1])]);
        Assert.SkipUnless(scene.VirtualHost.Broker.User == "guest", "the broker's administrator is not guest");
        BackupManifest manifest = await scene.Harness.BackupAsync();
        string user = await scene.NewUserAsync("administrator");
        string impersonator = await scene.NewUserAsync("administrator,impersonator");

        RestoreResult stripped = await scene.Harness.RestoreAsync(manifest, options => As(user, options) with { QueueMap = To("stripped") });
        RabbitBackupException refused = await Assert.ThrowsAsync<RabbitBackupException>(() => scene.PlanAsync(manifest, options => As(user, options) with { KeepUserId = true }));
        RestoreResult kept = await scene.Harness.RestoreAsync(manifest, options => As(impersonator, options) with { QueueMap = To("kept"), KeepUserId = true });

        Assert.Equal(1, stripped.Queues[0].UserIdsRemoved);
        Assert.Null((await scene.Client.TakeAsync("stripped"))!.BasicProperties.UserId);
        Assert.Equal(ErrorCode.BrokerAccessRefused, refused.Code);
        Assert.Contains("impersonator", refused.Message, StringComparison.Ordinal);
        Assert.Equal(0, kept.Queues[0].UserIdsRemoved);
        Assert.Equal("guest", (await scene.Client.TakeAsync("kept"))!.BasicProperties.UserId);

        static RestoreOptions As(string user, RestoreOptions options) => options with { Broker = options.Broker with { Credential = new(user, "secret") } };
        static NameMap To(string name) => NameMap.Create([KeyValuePair.Create("signed", name)], "QueueMap");
    }

    [Fact]
    public async Task Messages_for_which_the_broker_closes_the_connection_are_found_and_the_others_are_restored()
    {
        // A stream takes no decimal header over AMQP 0-9-1: 541 INTERNAL_ERROR, and the connection is gone with all that is on its way.
        await using RestoreScene scene = await RestoreScene.WithAsync("mixed", "classic", RestoreScene.Numbered(3000).Select((message, number) =>
        {
            message.Properties.Headers = number is 100 or 2000 ? new Dictionary<string, object?> { ["price"] = 1.5m } : null;
            return message;
        }));
        BackupManifest manifest = await scene.Harness.BackupAsync();

        RestoreResult result = await scene.Harness.RestoreAsync(manifest, options => options with
        {
            QueueType = "stream",
            QueueMap = NameMap.Create([KeyValuePair.Create("mixed", "log")], "QueueMap"),
            ConfirmWindow = 200,
        });

        Assert.Equal((2998, 2, nameof(ErrorCode.PublishRejected)), (result.Confirmed, result.Rejected, result.Queues[0].ErrorCode));
        Assert.Equal([100, 2000], result.Queues[0].Samples.Select(sample => sample.Ordinal));
        Assert.InRange(result.PossibleDuplicates, 1, 2000);
    }

    private sealed class Later(TimeSpan by) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + by;
    }
}
