using System.Management.Automation;
using Xunit;

namespace RabbitMqBackup.Module.Tests;

public sealed class ResumeTests : BrokerTest
{
    private const int Messages = 20_000;

    [Fact]
    public async Task A_stopped_backup_is_listed_as_in_progress_resumed_by_its_id_and_restored()
    {
        await FillAsync("orders", Messages, bytes: 500);
        await StopHalfWayAsync();

        PSObject unfinished = Assert.Single(Session.RunCleanly("Get-RabbitBackup $Store -IncludeIncomplete"));
        Assert.Equal(("night", "InProgress"), (Value(unfinished, "BackupId"), Value(unfinished, "Status")?.ToString()));
        CheckRefusal("Get-RabbitBackup $Store -IncludeIncomplete | Restore-RabbitMq -Connection $Rabbit -Confirm:$false", "BackupIncomplete");
        CheckRefusal("Backup-RabbitMq $Store -Connection $Rabbit -BackupId night", "BackupExists");

        PSObject manifest = Assert.Single(Session.RunCleanly("Backup-RabbitMq $Store -Connection $Rabbit -BackupId night -Resume"));
        Assert.Equal(("Complete", (long)Messages), (Value(manifest, "Status")?.ToString(), Value(manifest, "TotalMessages")));
        Assert.True((bool)Value(Assert.Single(Session.RunCleanly("Get-RabbitBackup $Store | Test-RabbitBackup -Deep")), "IsValid")!);

        Assert.Equal(Filled("orders", Messages), await TakeAllAsync("orders"));
        await AwaitListedAsync("orders", 0);
        Session.RunCleanly("Get-RabbitBackup $Store | Restore-RabbitMq -Connection $Rabbit -Confirm:$false");
        Assert.Equal(Filled("orders", Messages), await TakeAllAsync("orders"));
    }

    [Fact]
    public void Resuming_wants_an_id_and_a_backup_that_was_begun()
    {
        CheckRefusal("Backup-RabbitMq $Store -Connection $Rabbit -Resume", "InvalidArgument");
        CheckRefusal("Backup-RabbitMq $Store -Connection $Rabbit -Resume -BackupId never", "BackupNotFound");
        Assert.Empty(Manifests);
    }

    [Fact]
    public void A_checkpoint_folder_that_cannot_be_used_is_named()
    {
        File.WriteAllText(Path.Combine(Folder, "file"), "");
        CheckRefusal("Backup-RabbitMq $Store -Connection $Rabbit -CheckpointPath $Folder/file/folder", "CheckpointUnavailable");
        Assert.Empty(Manifests);
    }

    private async Task StopHalfWayAsync()
    {
        using PowerShell shell = Session.Shell("Backup-RabbitMq $Store -Connection $Rabbit -BackupId night -SegmentBytes 64KB -PassSegment");
        PSDataCollection<PSObject> output = [];
        TaskCompletionSource begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
        output.DataAdded += (_, _) => begun.TrySetResult();
        IAsyncResult running = shell.BeginInvoke<PSObject, PSObject>(null, output);
        await begun.Task.WaitAsync(TimeSpan.FromSeconds(60), Cancellation);
        await Task.Run(shell.Stop, Cancellation).WaitAsync(TimeSpan.FromSeconds(60), Cancellation);
        Assert.Throws<PipelineStoppedException>(() => shell.EndInvoke(running));
    }

    private void CheckRefusal(string script, string id)
    {
        ErrorRecord record = Assert.Single(Session.Run(script).Errors);
        Assert.StartsWith(id + ",", record.FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.NotEmpty(record.ErrorDetails.Message);
    }
}
