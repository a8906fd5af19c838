using System.Text;
using RabbitMQ.Client;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Restore;
using RabbitMqBackup.Engine.Tests.EndToEnd;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Restore;

public class RestoreEngineTests
{
    [Fact]
    public async Task A_queue_that_has_messages_is_left_alone_unless_told_otherwise()
    {
        await using RestoreScene scene = await RestoreScene.WithAsync("orders", "classic", RestoreScene.Numbered(10));
        BackupManifest manifest = await scene.Harness.BackupAsync();

        RestoreResult refused = await scene.Harness.RestoreAsync(manifest);
        RestoreResult skipped = await scene.Harness.RestoreAsync(manifest, options => options with { IfNotEmpty = NonEmptyTarget.Skip });

        Assert.False(refused.IsComplete);
        Assert.Equal(nameof(ErrorCode.RestoreConflict), Assert.Single(refused.Queues).ErrorCode);
        Assert.Equal(ErrorCode.RestoreConflict, Assert.Single(scene.Harness.Failures).Code);
        Assert.True(skipped.IsComplete);
        Assert.Equal(0, skipped.Confirmed);
        Assert.Equal(10u, await scene.Client.CountAsync("orders"));

        RestoreResult appended = await scene.Harness.RestoreAsync(manifest, options => options with { IfNotEmpty = NonEmptyTarget.Append });

        Assert.Equal(10, appended.Confirmed);
        List<string> after = await scene.Client.FingerprintsAsync("orders");
        Assert.Equal(after[..10], after[10..]);
    }

    [Fact]
    public async Task A_queue_that_was_purged_just_now_is_empty_whatever_the_statistics_still_say()
    {
        await using RestoreScene scene = await RestoreScene.WithAsync("orders", "classic", RestoreScene.Numbered(10));
        BackupManifest manifest = await scene.Harness.BackupAsync();
        await using (await scene.Client.WorkAsync("orders", acknowledge: false))
        {
            using ManagementClient management = new(scene.Harness.Broker);
            while ((await management.GetQueueAsync(new(scene.VirtualHost.Name, "orders"), TestContext.Current.CancellationToken))?.Unacknowledged != 10)
            {
                await Task.Delay(200, TestContext.Current.CancellationToken);
            }
        }

        await scene.Client.UntilCountAsync("orders", 10);
        Assert.Equal(10u, await scene.Client.PurgeAsync("orders"));

        Assert.Equal(10, (await scene.Harness.RestoreAsync(manifest)).Confirmed);
    }

    [Fact]
    public async Task A_backup_that_is_being_removed_is_not_restored()
    {
        await using RestoreScene scene = await RestoreScene.WithAsync("orders", "classic", RestoreScene.Numbered(10));
        BackupManifest manifest = await scene.Harness.BackupAsync();
        await scene.Client.DeleteAsync("orders");
        await using Engine.Storage.IObjectStore store = scene.Harness.Store.Open();
        await using (await new BackupLeases(store, new RecordingLog(), TimeProvider.System).TakeAsync(manifest.BackupId, LeasePurpose.Removal, TestContext.Current.CancellationToken))
        {
            RabbitBackupException refused = await Assert.ThrowsAsync<RabbitBackupException>(() => scene.Harness.RestoreAsync(manifest));
            Assert.Equal(ErrorCode.BackupInUse, refused.Code);
        }

        Assert.Equal(10, (await scene.Harness.RestoreAsync(manifest)).Confirmed);
        Assert.False(Directory.Exists(Path.Combine(scene.Harness.Folder, "_leases")));
    }

    [Fact]
    public async Task A_missing_queue_is_declared_with_its_type_and_arguments()
    {
        Dictionary<string, object?> arguments = new() { ["x-max-length"] = 1000, ["x-overflow"] = "reject-publish", ["x-max-priority"] = 7, ["x-message-ttl"] = 86_400_000L };
        await using RestoreScene scene = await RestoreScene.WithAsync("shaped", "classic", RestoreScene.Numbered(3), arguments);
        BackupManifest manifest = await scene.Harness.BackupAsync();
        await scene.Client.DeleteAsync("shaped");

        RestoreResult result = await scene.Harness.RestoreAsync(manifest);

        Assert.True(Assert.Single(result.Queues).Declared);
        Assert.True(result.IsComplete);
        await scene.Client.DeclareAsync("shaped", "classic", arguments); // the broker refuses other arguments
    }

    [Fact]
    public async Task A_queue_of_another_type_is_a_conflict_until_forced()
    {
        await using RestoreScene scene = await RestoreScene.WithAsync("changed", "classic", RestoreScene.Numbered(5));
        BackupManifest manifest = await scene.Harness.BackupAsync();
        await scene.Client.DeleteAsync("changed");
        await scene.Client.DeclareAsync("changed", "quorum");

        RestoreResult refused = await scene.Harness.RestoreAsync(manifest);
        RestoreResult forced = await scene.Harness.RestoreAsync(manifest, options => options with { Force = true });

        Assert.Equal(nameof(ErrorCode.DefinitionConflict), Assert.Single(refused.Queues).ErrorCode);
        Assert.Contains("type is quorum, was classic", refused.Queues[0].Reason, StringComparison.Ordinal);
        Assert.Equal(5, forced.Confirmed);
    }

    [Fact]
    public async Task A_missing_virtual_host_is_created()
    {
        await using RestoreScene scene = await RestoreScene.WithAsync("orders", "quorum", RestoreScene.Numbered(5));
        BackupManifest manifest = await scene.Harness.BackupAsync();
        using HttpResponseMessage deleted = await scene.VirtualHost.Broker.Management.DeleteAsync(
            $"vhosts/{Uri.EscapeDataString(scene.VirtualHost.Name)}", TestContext.Current.CancellationToken);
        deleted.EnsureSuccessStatusCode();

        RestorePlan plan = await new RestoreEngine().PlanAsync(
            new RestoreOptions { Broker = scene.Harness.Broker, Manifest = manifest }, TestContext.Current.CancellationToken);
        RestoreResult result = await scene.Harness.RestoreAsync(manifest);

        Assert.True(Assert.Single(plan.Queues).CreatesVirtualHost);
        Assert.Equal(5, result.Confirmed);
        Assert.True(result.IsComplete);
    }

    [Fact]
    public async Task Segments_and_single_messages_are_restored_alike()
    {
        await using RestoreScene scene = await RestoreScene.WithAsync("picked", "classic", RestoreScene.Numbered(20));
        BackupManifest manifest = await scene.Harness.BackupAsync();
        BackupSegment segment = Assert.Single(BackupContents.GetSegments(manifest));
        List<BackupMessage> odd = [];
        await foreach (BackupMessage message in BackupContents.ReadMessagesAsync(segment, TestContext.Current.CancellationToken))
        {
            if (int.Parse(message.Properties.MessageId!) % 2 == 1)
            {
                odd.Add(message);
            }
        }

        List<string> before = await scene.Client.FingerprintsAsync("picked");
        await scene.Client.DeleteAsync("picked");
        await scene.Harness.RestoreAsync(null!, options => options with { Manifest = null, Segments = [segment] });
        List<string> whole = await scene.Client.FingerprintsAsync("picked");
        await scene.Client.DeleteAsync("picked");
        await scene.Harness.RestoreAsync(null!, options => options with { Manifest = null, Messages = odd });

        Assert.Equal(before, whole);
        Assert.Equal(before.Where((_, index) => index % 2 == 1), await scene.Client.FingerprintsAsync("picked"));
    }

    [Fact]
    public async Task A_queue_that_rejects_when_full_is_told_with_the_counts()
    {
        await using RestoreScene scene = await RestoreScene.WithAsync("small", "classic", RestoreScene.Numbered(50));
        BackupManifest manifest = await scene.Harness.BackupAsync();
        await scene.Client.DeleteAsync("small");
        await scene.Client.DeclareAsync("small", "classic", new Dictionary<string, object?> { ["x-max-length"] = 20, ["x-overflow"] = "reject-publish" });

        RestoreResult result = await scene.Harness.RestoreAsync(manifest, options => options with { Force = true });

        Assert.False(result.IsComplete);
        Assert.Equal(nameof(ErrorCode.PublishRejected), Assert.Single(result.Queues).ErrorCode);
        Assert.Equal(await scene.Client.CountAsync("small"), result.Confirmed);
        Assert.Equal(50, result.Confirmed + result.Rejected);
        Assert.Equal(ErrorCode.PublishRejected, Assert.Single(scene.Harness.Failures).Code);
    }

    [Fact]
    public async Task Carbon_copies_are_not_sent_again()
    {
        BasicProperties properties = new() { Headers = new Dictionary<string, object?> { ["CC"] = new List<object> { "copies" } } };
        await using RestoreScene scene = await RestoreScene.WithAsync("copied", "classic", []);
        await scene.Client.DeclareAsync("copies", "classic");
        await scene.Client.PublishAsync("copied", [(properties, Encoding.UTF8.GetBytes("once"))]);
        BackupManifest manifest = await scene.Harness.BackupAsync(options => options with { Selection = options.Selection with { Names = ["copied"] } });
        await scene.Client.DeleteAsync("copied");

        await scene.Harness.RestoreAsync(manifest);

        Assert.Equal(1u, await scene.Client.CountAsync("copied"));
        Assert.Equal(1u, await scene.Client.CountAsync("copies"));
    }

    [Fact]
    public async Task A_damaged_segment_is_left_out_whole_and_named_while_the_others_are_restored()
    {
        await using RestoreScene scene = await RestoreScene.WithAsync("torn", "classic", RestoreScene.Numbered(3000, bytes: 1000));
        BackupManifest manifest = await scene.Harness.BackupAsync(options => options with { SegmentBytes = 256 << 10 });
        QueueEntry queue = Assert.Single(manifest.Queues);
        SegmentEntry victim = queue.Segments[1];
        string file = Path.Combine(scene.Harness.Folder, manifest.BackupId, victim.Key);
        byte[] bytes = await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken);
        bytes[bytes.Length / 2] ^= 0x40;
        File.SetAttributes(file, FileAttributes.Normal);
        await File.WriteAllBytesAsync(file, bytes, TestContext.Current.CancellationToken);
        await scene.Client.DeleteAsync("torn");

        RestoreResult result = await scene.Harness.RestoreAsync(manifest);

        Assert.False(result.IsComplete);
        Assert.Equal(3000 - victim.Records, result.Confirmed);
        Assert.Equal(3000 - victim.Records, await scene.Client.CountAsync("torn"));
        RabbitBackupException damage = Assert.Single(scene.Harness.Failures);
        Assert.Equal(ErrorCode.SegmentCorrupt, damage.Code);
        Assert.Equal(victim.Key, damage.Target);
        Assert.Contains((await scene.Harness.VerifyAsync(manifest)).Findings, finding => finding.IsError && finding.Object == victim.Key);
    }

    [Fact]
    public async Task A_queue_name_that_is_not_in_the_backup_is_an_error()
    {
        await using RestoreScene scene = await RestoreScene.WithAsync("orders", "classic", RestoreScene.Numbered(1));
        BackupManifest manifest = await scene.Harness.BackupAsync();

        RabbitBackupException missing = await Assert.ThrowsAsync<RabbitBackupException>(() => scene.Harness.RestoreAsync(manifest, options => options with { Queues = ["nosuch"] }));

        Assert.Equal(ErrorCode.QueueNotFound, missing.Code);
    }
}
