using System.Net.Http.Json;
using System.Text.Json;
using RabbitMqBackup.Engine.Broker.Streams;
using RabbitMqBackup.Engine.Catalog;
using RabbitMqBackup.Engine.Restore;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.EndToEnd.Streams;

/// <summary>What belongs to a stream beside its messages: consumers' offsets, and its place in a super stream.</summary>
public sealed class StreamConsumerTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("3.10")]
    [InlineData("4.3")]
    public async Task Consumers_offsets_are_restored_to_the_place_of_the_same_message(string generation)
    {
        await using StreamBed bed = await StreamBed.StartAsync(generation);
        await bed.CreateAsync("log");
        await bed.PublishNumbersAsync("log", 0, 500);
        await bed.StoreOffsetAsync("log", "early", 123);
        await bed.PublishAsync("log", StreamBed.Mixed(2_000, 50));
        List<(ulong Offset, byte[] Message)> before = await bed.MessagesAsync("log");
        await bed.StoreOffsetAsync("log", "late", before[^10].Offset);
        BackupManifest manifest = await bed.Harness.BackupAsync(options => options with { SegmentBytes = 64 << 10 });
        await bed.DeleteAsync("log");

        RestoreResult result = await bed.Harness.RestoreAsync(manifest, options => options with { ConsumerOffsets = true });
        RestoreResult again = await bed.Harness.RestoreAsync(manifest, options => options with { ConsumerOffsets = true });

        Assert.Empty(bed.Harness.Failures);
        List<(ulong Offset, byte[] Message)> after = await bed.MessagesAsync("log");
        await using StreamConnection connection = await bed.ConnectAsync();
        ulong early = await connection.QueryOffsetAsync("early", "log", Stop) ?? 0;
        ulong late = await connection.QueryOffsetAsync("late", "log", Stop) ?? 0;
        Assert.Equal(before.Single(m => m.Offset == 123).Message, after.Single(m => m.Offset == early).Message);
        Assert.Equal(before[^10].Message, after.Single(m => m.Offset == late).Message);
        Assert.Equal(2, result.Queues[0].ConsumerOffsets.Count);
        Assert.Equal(result.Queues[0].ConsumerOffsets["late"], again.Queues[0].ConsumerOffsets["late"]);
    }

    [Fact]
    public async Task Offsets_are_not_stored_where_a_damaged_segment_was_left_out()
    {
        await using StreamBed bed = await StreamBed.StartAsync();
        await bed.CreateAsync("log");
        for (int i = 0; i < 3; i++)
        {
            await bed.PublishNumbersAsync("log", i * 100, 100, bytes: 1_000);
        }

        await bed.StoreOffsetAsync("log", "reader", 250);
        BackupManifest manifest = await bed.Harness.BackupAsync(options => options with { SegmentBytes = 64 << 10 });
        SegmentEntry damaged = manifest.Queues[0].Segments[1];
        await File.WriteAllBytesAsync(Directory.GetFiles(bed.Harness.Folder, Path.GetFileName(damaged.Key), SearchOption.AllDirectories).Single(), [1, 2, 3], Stop);
        await bed.DeleteAsync("log");

        RestoreResult result = await bed.Harness.RestoreAsync(manifest, options => options with { ConsumerOffsets = true, Force = true });

        RestoreQueueResult row = Assert.Single(result.Queues);
        Assert.Equal((300 - damaged.Records, nameof(ErrorCode.SegmentCorrupt)), (row.Confirmed, row.ErrorCode));
        Assert.Empty(row.ConsumerOffsets);
        Assert.Contains("were not stored", row.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Offsets_are_not_stored_where_other_messages_lie_among_the_restored_ones()
    {
        await using StreamBed bed = await StreamBed.StartAsync();
        await bed.CreateAsync("log");
        await bed.PublishNumbersAsync("log", 0, 100);
        await bed.StoreOffsetAsync("log", "reader", 50);
        BackupManifest manifest = await bed.Harness.BackupAsync();

        RestoreResult result = await bed.Harness.RestoreAsync(manifest, options => options with { ConsumerOffsets = true, IfNotEmpty = NonEmptyTarget.Append });

        RestoreQueueResult row = Assert.Single(result.Queues);
        Assert.Equal(100, row.Confirmed);
        Assert.Empty(row.ConsumerOffsets);
        Assert.Contains("were not stored", row.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("3.10")]
    [InlineData("4.3")]
    public async Task A_super_stream_comes_back_with_its_partitions_in_their_places(string generation)
    {
        await using StreamBed bed = await StreamBed.StartAsync(generation);
        string host = Uri.EscapeDataString(bed.VirtualHost);
        await bed.Broker.Management.PutAsJsonAsync($"exchanges/{host}/invoices", new { type = "direct", durable = true, arguments = new Dictionary<string, object> { ["x-super-stream"] = true } }, Stop);
        for (int i = 0; i < 3; i++)
        {
            await bed.CreateAsync($"invoices-{i}");
            await bed.PublishNumbersAsync($"invoices-{i}", i * 100, 100);
            await bed.Broker.Management.PostAsJsonAsync(
                $"bindings/{host}/e/invoices/q/invoices-{i}", new { routing_key = $"{i}", arguments = new Dictionary<string, object> { ["x-stream-partition-order"] = i } }, Stop);
        }

        BackupManifest manifest = await bed.Harness.BackupAsync();
        for (int i = 0; i < 3; i++)
        {
            await bed.DeleteAsync($"invoices-{i}");
        }

        await bed.Broker.Management.DeleteAsync($"exchanges/{host}/invoices", Stop);
        await bed.Harness.RestoreAsync(manifest);

        Assert.Empty(bed.Harness.Failures);
        SuperStreamEntry super = manifest.Queues.Single(queue => queue.Name == "invoices-1").Stream!.SuperStream!;
        Assert.Equal(("invoices", "1", 1L), (super.Name, super.RoutingKey, super.Order));
        JsonElement bindings = await bed.Broker.Management.GetFromJsonAsync<JsonElement>($"exchanges/{host}/invoices/bindings/source", Stop);
        Assert.Equal(
            ["invoices-0 0 0", "invoices-1 1 1", "invoices-2 2 2"],
            bindings.EnumerateArray().Select(b => $"{b.GetProperty("destination").GetString()} {b.GetProperty("routing_key").GetString()} {b.GetProperty("arguments").GetProperty("x-stream-partition-order").GetInt32()}").Order());
        Assert.Equal(Enumerable.Range(200, 100), await bed.NumbersAsync("invoices-2"));
    }
}
