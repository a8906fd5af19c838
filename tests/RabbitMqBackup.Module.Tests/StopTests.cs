using System.Management.Automation;
using Xunit;

namespace RabbitMqBackup.Module.Tests;

public sealed class StopTests : BrokerTest
{
    private const int Messages = 30_000;

    [Theory]
    [InlineData("classic")]
    [InlineData("quorum")]
    public async Task Stopping_a_backup_half_way_leaves_every_message_and_no_backup(string type)
    {
        await FillAsync("orders", Messages, type, bytes: 500);
        using PowerShell shell = Session.Shell("Backup-RabbitMq $Store -Connection $Rabbit -SegmentBytes 64KB -PassSegment");
        PSDataCollection<PSObject> output = [];
        TaskCompletionSource begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
        output.DataAdded += (_, _) => begun.TrySetResult();
        IAsyncResult running = shell.BeginInvoke<PSObject, PSObject>(null, output);
        await begun.Task.WaitAsync(TimeSpan.FromSeconds(60), Cancellation);
        await Task.Run(shell.Stop, Cancellation).WaitAsync(TimeSpan.FromSeconds(30), Cancellation);
        Assert.Throws<PipelineStoppedException>(() => shell.EndInvoke(running));
        Assert.DoesNotContain(output, item => item.TypeNames.Contains("RabbitMqBackup.Engine.Catalog.BackupManifest"));
        Assert.Empty(Manifests);
        Assert.Equal((uint)Messages, await DepthAsync("orders"));
        Assert.Equal(Filled("orders", Messages), await TakeAllAsync("orders"));

        // The session goes on working.
        Assert.NotEmpty(Session.RunCleanly("Get-RabbitQueue -Connection $Rabbit"));
    }

    [Fact]
    public async Task A_pipeline_that_takes_no_more_stops_a_backup_and_leaves_every_message()
    {
        await FillAsync("orders", Messages, bytes: 500);

        // As Select-Object -First does: the first object ends everything upstream.
        IReadOnlyList<PSObject> output = Session.RunCleanly(
            "foreach ($once in 1) { Backup-RabbitMq $Store -Connection $Rabbit -SegmentBytes 64KB -PassSegment | ForEach-Object { $_; break } }");
        Assert.Single(output);
        Assert.Empty(Manifests);
        Assert.Equal((uint)Messages, await DepthAsync("orders"));
    }

    [Fact]
    public async Task A_pipeline_that_takes_no_more_stops_the_reading_of_messages()
    {
        await FillAsync("orders", 1000);
        Session.RunCleanly("Backup-RabbitMq $Store -Connection $Rabbit");
        Assert.Single(Session.RunCleanly("foreach ($once in 1) { Get-RabbitBackup $Store | Get-RabbitBackupMessage | ForEach-Object { $_; break } }"));
    }
}
