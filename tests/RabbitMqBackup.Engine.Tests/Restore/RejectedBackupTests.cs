using RabbitMQ.Client;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Restore;
using RabbitMqBackup.Engine.Storage;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Restore;

public class RejectedBackupTests
{
    [Fact]
    public async Task What_a_full_queue_refuses_is_kept_and_restored_later()
    {
        await using RestoreScene scene = await RestoreScene.WithAsync("small", "classic", RestoreScene.Numbered(500));
        BackupManifest manifest = await scene.Harness.BackupAsync();
        await scene.Client.DeleteAsync("small");
        await scene.Client.DeclareAsync("small", "classic", new() { ["x-max-length"] = 200, ["x-overflow"] = "reject-publish" });
        BackupStore store = BackupStore.Parse(Path.Combine(scene.Harness.Folder, "rejected"));

        RestoreResult result = await scene.Harness.RestoreAsync(manifest, options => options with { Force = true, RejectedStore = store });
        List<string> taken = await scene.Client.TakeIdsAsync("small");
        await using BackupCatalog catalog = new(store);
        BackupManifest rejected = await catalog.GetAsync(result.RejectedBackupId!, TestContext.Current.CancellationToken);
        await scene.Client.DeleteAsync("small");
        RestoreResult later = await scene.Harness.RestoreAsync(rejected);

        Assert.Equal((taken.Count, 500 - taken.Count), (result.Confirmed, result.Rejected));
        Assert.Equal(result.Rejected, rejected.TotalMessages);
        Assert.DoesNotContain((await scene.Harness.VerifyAsync(rejected)).Findings, finding => finding.IsError);
        Assert.True(later.IsComplete);
        List<string> rest = await scene.Client.TakeIdsAsync("small");
        Assert.Equal(Enumerable.Range(0, 500).Select(number => $"{number}").Except(taken), rest);
    }

    [Fact]
    public async Task What_reaches_no_queue_is_kept_message_by_message()
    {
        await using RestoreScene scene = await RestoreScene.WithAsync("eu", "classic", []);
        await scene.Client.BindAsync("orders", "direct", "eu", "kept");
        await scene.Client.BindAsync("orders", "direct", "eu", "lost");
        for (int number = 0; number < 100; number++)
        {
            await scene.Client.PublishToAsync("orders", number % 3 == 0 ? "lost" : "kept", new BasicProperties { MessageId = $"{number}" }, [1]);
        }

        BackupManifest manifest = await scene.Harness.BackupAsync();
        await scene.Client.DeleteAsync("eu");
        await scene.Client.DeclareAsync("eu", "classic");
        await scene.Client.BindAsync("orders", "direct", "eu", "kept");
        BackupStore store = BackupStore.Parse(Path.Combine(scene.Harness.Folder, "rejected"));

        RestoreResult result = await scene.Harness.RestoreAsync(manifest, options => options with { PublishMode = PublishMode.Exchange, RejectedStore = store });

        Assert.Equal((66, 34), (result.Confirmed, result.Returned));
        await using BackupCatalog catalog = new(store);
        BackupManifest rejected = await catalog.GetAsync(result.RejectedBackupId!, TestContext.Current.CancellationToken);
        List<string?> ids = [];
        await foreach (BackupMessage message in BackupContents.ReadMessagesAsync(Assert.Single(BackupContents.GetSegments(rejected)), TestContext.Current.CancellationToken))
        {
            ids.Add(message.Properties.MessageId);
            Assert.Equal(("orders", "lost"), (message.Exchange, message.RoutingKey));
        }

        Assert.Equal(Enumerable.Range(0, 34).Select(number => $"{number * 3}"), ids);
    }

    [Fact]
    public async Task Without_a_loss_nothing_is_written()
    {
        await using RestoreScene scene = await RestoreScene.WithAsync("orders", "classic", RestoreScene.Numbered(5));
        BackupManifest manifest = await scene.Harness.BackupAsync();
        await scene.Client.DeleteAsync("orders");
        string folder = Path.Combine(scene.Harness.Folder, "rejected");

        RestoreResult result = await scene.Harness.RestoreAsync(manifest, options => options with { RejectedStore = BackupStore.Parse(folder) });

        Assert.Null(result.RejectedBackupId);
        Assert.False(Directory.Exists(folder));
    }
}
