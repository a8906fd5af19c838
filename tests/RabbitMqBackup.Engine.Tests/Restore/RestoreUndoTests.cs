using System.Net;
using System.Net.Http.Json;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Definitions;
using RabbitMqBackup.Engine.Restore;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Restore;

public class RestoreUndoTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_a_restore_created_goes_and_what_was_there_stays()
    {
        await using RestoreScene scene = await RestoreScene.WithAsync("orders", "classic", RestoreScene.Numbered(10));
        await scene.Client.DeclareAsync("payments", "classic");
        await scene.Client.PublishAsync("payments", RestoreScene.Numbered(5));
        BackupManifest manifest = await scene.Harness.BackupAsync();
        await scene.Client.DeleteAsync("orders");
        string folder = Path.Combine(scene.Harness.Folder, "records");

        RestoreResult restored = await scene.Harness.RestoreAsync(manifest, options => options with { IfNotEmpty = NonEmptyTarget.Append, CheckpointPath = folder });
        RestoreUndoPlan plan = await PlanAsync(scene, restored.RestoreId!, folder);
        IReadOnlyList<RestoreUndoItem> undone = await new RestoreUndo().ExecuteAsync(plan, folder, Cancel);

        RestoreUndoItem queue = Assert.Single(plan.Items);
        Assert.Equal(("queue", "orders", true), (queue.Kind, queue.Name, queue.IsRemoved));
        Assert.True(Assert.Single(undone).IsRemoved);
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(scene, "queues", "orders"));
        Assert.Equal(10u, await scene.Client.CountAsync("payments"));
        await Assert.ThrowsAsync<RabbitBackupException>(() => PlanAsync(scene, restored.RestoreId!, folder));
    }

    [Fact]
    public async Task A_queue_that_got_more_messages_stays_until_forced()
    {
        await using RestoreScene scene = await RestoreScene.WithAsync("orders", "classic", RestoreScene.Numbered(10));
        BackupManifest manifest = await scene.Harness.BackupAsync();
        await scene.Client.DeleteAsync("orders");
        string folder = Path.Combine(scene.Harness.Folder, "records");
        RestoreResult restored = await scene.Harness.RestoreAsync(manifest, options => options with { CheckpointPath = folder });
        await scene.Client.PublishToAsync("", "orders", new RabbitMQ.Client.BasicProperties(), [1]);

        for (DateTime deadline = DateTime.UtcNow.AddSeconds(30); await scene.Client.CountAsync("orders") != 11 && DateTime.UtcNow < deadline; await Task.Delay(20, Cancel))
        {
        }

        // At once: the management API hears of the message some seconds later.
        RestoreUndoPlan plan = await PlanAsync(scene, restored.RestoreId!, folder);
        IReadOnlyList<RestoreUndoItem> kept = await new RestoreUndo().ExecuteAsync(plan, folder, Cancel);
        Assert.False(Assert.Single(kept).IsRemoved);
        Assert.Contains("11 message(s)", kept[0].Reason, StringComparison.Ordinal);
        Assert.Equal(11u, await scene.Client.CountAsync("orders"));

        IReadOnlyList<RestoreUndoItem> forced = await new RestoreUndo().ExecuteAsync(await PlanAsync(scene, restored.RestoreId!, folder, force: true), folder, Cancel);
        Assert.True(Assert.Single(forced).IsRemoved);
    }

    [Fact]
    public async Task A_lost_virtual_host_comes_back_whole_what_moves_messages_last_and_can_be_taken_back()
    {
        await using RestoreScene scene = await RestoreScene.WithAsync("orders", "quorum", RestoreScene.Numbered(10));
        string host = scene.VirtualHost.Name;
        HttpClient management = scene.VirtualHost.Broker.Management;
        await scene.Client.BindAsync("trade", "topic", "orders", "order.#");
        await PutAsync(management, $"policies/{host}/federate", new { pattern = "^nothing$", definition = new Dictionary<string, object> { ["federation-upstream-set"] = "all" } });
        await PutAsync(management, $"policies/{host}/limit", new { pattern = "^orders$", definition = new Dictionary<string, object> { ["max-length"] = 1000 } });
        BackupManifest manifest = await scene.Harness.BackupAsync(options => options with { SkipDefinitions = false });
        (await management.DeleteAsync($"vhosts/{host}", Cancel)).Dispose();
        string folder = Path.Combine(scene.Harness.Folder, "records");

        RestoreResult restored = await scene.Harness.RestoreAsync(manifest, options => options with { CheckpointPath = folder });

        Assert.True(restored.IsComplete, string.Join(", ", restored.Definitions) + restored.Queues[0].Reason);
        Assert.Equal(10, restored.Confirmed);
        Assert.Contains(restored.Definitions, item => item is { Kind: DefinitionKind.Exchange, Definition.Name: "trade" });
        Assert.Contains(restored.Definitions, item => item is { Kind: DefinitionKind.Binding });
        Assert.Equal("federate", restored.Definitions[^1].Definition.Name);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(scene, "exchanges", "trade"));

        RestoreUndoPlan plan = await PlanAsync(scene, restored.RestoreId!, folder);
        Assert.Contains(plan.Items, item => item is { Kind: "virtual host", IsRemoved: true });
        IReadOnlyList<RestoreUndoItem> undone = await new RestoreUndo().ExecuteAsync(plan, folder, Cancel);

        Assert.DoesNotContain(undone, item => !item.IsRemoved);
        using HttpResponseMessage gone = await management.GetAsync($"vhosts/{host}", Cancel);
        Assert.Equal(HttpStatusCode.NotFound, gone.StatusCode);
    }

    [Fact]
    public async Task A_part_of_a_backup_brings_no_definitions()
    {
        await using RestoreScene scene = await RestoreScene.WithAsync("orders", "classic", RestoreScene.Numbered(1));
        await scene.Client.BindAsync("trade", "topic", "orders", "order.#");
        BackupManifest manifest = await scene.Harness.BackupAsync(options => options with { SkipDefinitions = false });
        (await scene.VirtualHost.Broker.Management.DeleteAsync($"exchanges/{scene.VirtualHost.Name}/trade", Cancel)).Dispose();

        Assert.NotNull((await scene.PlanAsync(manifest)).Definitions);
        Assert.Null((await scene.PlanAsync(manifest, options => options with { Queues = ["orders"] })).Definitions);
        Assert.Null((await scene.PlanAsync(manifest, options => options with { Last = 1 })).Definitions);
        Assert.Null((await scene.PlanAsync(manifest, options => options with { SkipDefinitions = true })).Definitions);
    }

    private static Task<RestoreUndoPlan> PlanAsync(RestoreScene scene, string id, string folder, bool force = false) => new RestoreUndo().PlanAsync(scene.Harness.Broker, id, folder, force, Cancel);

    private static async Task<HttpStatusCode> StatusAsync(RestoreScene scene, string kind, string name)
    {
        using HttpResponseMessage answer = await scene.VirtualHost.Broker.Management.GetAsync($"{kind}/{scene.VirtualHost.Name}/{name}", Cancel);
        return answer.StatusCode;
    }

    private static async Task PutAsync(HttpClient management, string path, object body)
    {
        using HttpResponseMessage answer = await management.PutAsJsonAsync(path, body, Cancel);
        answer.EnsureSuccessStatusCode();
    }
}
