using System.Management.Automation;
using System.Text;
using RabbitMQ.Client;
using Xunit;

namespace RabbitMqBackup.Module.Tests;

/// <summary>Streams at the prompt.</summary>
public sealed class StreamTests : BrokerTest
{
    [Fact]
    public async Task A_stream_is_backed_up_in_steps_looked_into_and_restored_once()
    {
        Connect();
        await WriteAsync(0, 300);
        PSObject first = Assert.Single(Session.RunCleanly("Backup-RabbitMq $Store -Connection $Streams -QueueType stream -Incremental"));
        await WriteAsync(300, 200);
        PSObject second = Assert.Single(Session.RunCleanly("Backup-RabbitMq $Store -Connection $Streams -QueueType stream -Incremental"));

        Assert.Equal((300L, 200L), (Value(first, "TotalMessages"), Value(second, "TotalMessages")));
        Assert.Equal($"{Value(first, "BackupId")}", $"{Value(second, "BasedOn")}");
        Assert.Equal(
            Enumerable.Range(300, 200).Select(i => $"{i} event {i}"),
            Session.RunCleanly("Get-RabbitBackup $Store -Latest | Get-RabbitBackupMessage | ForEach-Object { \"$($_.Offset) $($_.Text)\" }").Select(line => line.ToString()));
        Assert.Equal(true, Session.RunCleanly("(Get-RabbitBackup $Store -Latest | Test-RabbitBackup -Deep).IsValid").Single().BaseObject);

        await Channel.QueueDeleteAsync("events", cancellationToken: Cancellation);
        PSObject restored = Session.RunCleanly("Get-RabbitBackup $Store -Latest | Restore-RabbitMq -Connection $Streams -Confirm:$false").Single();
        PSObject again = Session.RunCleanly("Get-RabbitBackup $Store -Latest | Restore-RabbitMq -Connection $Streams -Confirm:$false").Single();

        Assert.Equal((500L, 500L), (Value(restored, "Confirmed"), Value(again, "Confirmed")));
        Assert.Equal(500L, Session.RunCleanly("$again = Get-RabbitBackup $Store -Latest | Restore-RabbitMq -Connection $Streams -Confirm:$false; $again.Queues[0].AlreadyThere").Single().BaseObject);
        Session.RunCleanly("(Get-RabbitBackup $Store).Queues | Out-Default");
    }

    [Fact]
    public async Task A_stream_is_followed_for_a_while()
    {
        Connect();
        await WriteAsync(0, 100);

        PSObject manifest = Assert.Single(Session.RunCleanly("Backup-RabbitMq $Store -Connection $Streams -Continuous -Duration 00:00:03 -SegmentInterval 00:00:01"));

        Assert.Equal(100L, Value(manifest, "TotalMessages"));
    }

    [Fact]
    public async Task A_base_that_is_not_there_is_named_in_the_error()
    {
        Connect();
        await WriteAsync(0, 1);

        ErrorRecord error = Assert.Single(Session.Run("Backup-RabbitMq $Store -Connection $Streams -BasedOn nosuch").Errors);

        Assert.StartsWith("BackupNotFound,", error.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.Equal("nosuch", error.TargetObject);
    }

    private void Connect()
    {
        Session.Set("StreamUri", $"rabbitmq-stream://{Broker.Host}:{Broker.StreamPort}");
        Session.RunCleanly("$global:Streams = New-RabbitConnection $Uri -ManagementUri $ManagementUri -StreamUri $StreamUri");
    }

    private async Task WriteAsync(int first, int count)
    {
        await Channel.QueueDeclareAsync("events", durable: true, exclusive: false, autoDelete: false, new Dictionary<string, object?> { ["x-queue-type"] = "stream" });
        await using IConnection connection = await new ConnectionFactory { Uri = VirtualHost.AmqpUri }.CreateConnectionAsync(Cancellation);
        await using IChannel channel = await connection.CreateChannelAsync(new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true), Cancellation);
        for (int i = first; i < first + count; i++)
        {
            await channel.BasicPublishAsync("", "events", Encoding.ASCII.GetBytes($"event {i}"), Cancellation);
        }
    }
}
