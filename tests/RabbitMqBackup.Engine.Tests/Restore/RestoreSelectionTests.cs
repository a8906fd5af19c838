using RabbitMQ.Client;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Restore;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Restore;

public class RestoreSelectionTests
{
    [Fact]
    public async Task A_window_cuts_through_segments_and_those_outside_are_not_read()
    {
        await using RestoreScene scene = await RestoreScene.WithAsync("orders", "classic", RestoreScene.Numbered(20_000, bytes: 200));
        BackupManifest manifest = await scene.Harness.BackupAsync(options => options with { SegmentBytes = 256 << 10 });
        await scene.Client.DeleteAsync("orders");
        List<BackupMessage> all = await MessagesAsync(manifest);
        SegmentEntry[] segments = [.. manifest.Queues[0].Segments];
        Assert.True(segments.Length > 8);
        DateTimeOffset after = Middle(all, segments, 2);
        DateTimeOffset before = Middle(all, segments, 5);
        // What the window does not touch may be gone: it is not asked for.
        File.Delete(Path.Combine(scene.Harness.Folder, manifest.BackupId, segments[0].Key));
        File.Delete(Path.Combine(scene.Harness.Folder, manifest.BackupId, segments[^1].Key));
        string[] expected = [.. all.Where(message => message.CapturedAt >= after && message.CapturedAt < before).Select(message => message.Properties.MessageId!)];

        RestorePlan plan = await scene.PlanAsync(manifest, Window);
        RestoreResult result = await scene.Harness.RestoreAsync(manifest, Window);

        Assert.Equal((expected.Length, false), (Assert.Single(plan.Queues).Messages, plan.Queues[0].IsEstimate));
        Assert.True(result.IsComplete);
        Assert.Empty(scene.Harness.Failures);
        Assert.Equal(expected, await scene.Client.TakeIdsAsync("orders"));

        RestoreOptions Window(RestoreOptions options) => options with { After = after, Before = before };
    }

    [Fact]
    public async Task The_publishers_time_selects_too()
    {
        DateTimeOffset noon = new(2026, 1, 2, 12, 0, 0, TimeSpan.Zero);
        await using RestoreScene scene = await RestoreScene.WithAsync("timed", "classic", Enumerable.Range(0, 100).Select(number =>
            (new BasicProperties { MessageId = $"{number}", Timestamp = new AmqpTimestamp(noon.ToUnixTimeSeconds() + number) }, Array.Empty<byte>())).Append((new BasicProperties { MessageId = "none" }, [])));
        BackupManifest manifest = await scene.Harness.BackupAsync();
        await scene.Client.DeleteAsync("timed");

        RestorePlan plan = await scene.PlanAsync(manifest, Window);
        RestoreResult result = await scene.Harness.RestoreAsync(manifest, Window);

        Assert.True(plan.Queues[0].IsEstimate);
        Assert.Equal((10, 10, true), (result.Confirmed, result.Queues[0].Requested, result.IsComplete));
        Assert.Equal(Enumerable.Range(20, 10).Select(number => $"{number}"), await scene.Client.TakeIdsAsync("timed"));

        RestoreOptions Window(RestoreOptions options) => options with { After = noon.AddSeconds(20), Before = noon.AddSeconds(30), TimeBasis = TimeBasis.MessageTimestamp };
    }

    [Theory]
    [InlineData(7, null, 0)]
    [InlineData(1500, null, 0)]
    [InlineData(null, 7, 2993)]
    [InlineData(null, 1500, 1500)]
    [InlineData(null, 9999, 0)]
    [InlineData(9999, null, 0)]
    public async Task The_first_or_last_so_many_are_taken(int? first, int? last, int begin)
    {
        await using RestoreScene scene = await RestoreScene.WithAsync("orders", "quorum", RestoreScene.Numbered(3000, bytes: 500));
        BackupManifest manifest = await scene.Harness.BackupAsync(options => options with { SegmentBytes = 256 << 10 });
        await scene.Client.DeleteAsync("orders");
        int count = Math.Min(first ?? last!.Value, 3000);

        RestorePlan plan = await scene.PlanAsync(manifest, Select);
        RestoreResult result = await scene.Harness.RestoreAsync(manifest, Select);

        Assert.Equal((count, count, true), (plan.Queues[0].Messages, result.Confirmed, result.IsComplete));
        Assert.Equal(Enumerable.Range(begin, count).Select(number => $"{number}"), await scene.Client.TakeIdsAsync("orders"));

        RestoreOptions Select(RestoreOptions options) => options with { First = first, Last = last };
    }

    [Fact]
    public async Task The_last_of_a_window_are_the_last_that_it_leaves()
    {
        await using RestoreScene scene = await RestoreScene.WithAsync("orders", "classic", RestoreScene.Numbered(20_000, bytes: 200));
        BackupManifest manifest = await scene.Harness.BackupAsync(options => options with { SegmentBytes = 256 << 10 });
        await scene.Client.DeleteAsync("orders");
        List<BackupMessage> all = await MessagesAsync(manifest);
        DateTimeOffset before = Middle(all, [.. manifest.Queues[0].Segments], 4);
        string[] expected = [.. all.Where(message => message.CapturedAt < before).Select(message => message.Properties.MessageId!).TakeLast(3000)];

        RestoreResult result = await scene.Harness.RestoreAsync(manifest, options => options with { Before = before, Last = 3000 });

        Assert.True(result.IsComplete);
        Assert.Equal(expected, await scene.Client.TakeIdsAsync("orders"));
    }

    [Fact]
    public async Task A_selection_that_makes_no_sense_is_refused()
    {
        await using RestoreScene scene = await RestoreScene.WithAsync("orders", "classic", RestoreScene.Numbered(1));
        BackupManifest manifest = await scene.Harness.BackupAsync();
        DateTimeOffset now = DateTimeOffset.UtcNow;

        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => scene.PlanAsync(manifest, options => options with { First = 0 }));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => scene.PlanAsync(manifest, options => options with { First = 1, Last = 1 }));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => scene.PlanAsync(manifest, options => options with { After = now, Before = now }));
        await Assert.ThrowsAsync<ArgumentException>(() => scene.PlanAsync(manifest, options => options with { ExchangeMap = NameMap.Create([KeyValuePair.Create("a", "b")], "ExchangeMap") }));
    }

    /// <summary>A capture time that lies within a segment, so that a window from or to it cuts the segment.</summary>
    private static DateTimeOffset Middle(List<BackupMessage> all, SegmentEntry[] segments, int index)
    {
        int first = (int)segments[..index].Sum(segment => segment.Records);
        BackupMessage[] inside = [.. all.Skip(first).Take((int)segments[index].Records)];
        return inside.FirstOrDefault(message => message.CapturedAt > inside[0].CapturedAt)?.CapturedAt ?? inside[0].CapturedAt;
    }

    private static async Task<List<BackupMessage>> MessagesAsync(BackupManifest manifest)
    {
        List<BackupMessage> all = [];
        foreach (BackupSegment segment in BackupContents.GetSegments(manifest))
        {
            await foreach (BackupMessage message in BackupContents.ReadMessagesAsync(segment, TestContext.Current.CancellationToken))
            {
                all.Add(message);
            }
        }

        return all;
    }
}
