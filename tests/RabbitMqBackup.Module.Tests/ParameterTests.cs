using System.Management.Automation;
using Xunit;

namespace RabbitMqBackup.Module.Tests;

/// <summary>What parameters take, where no broker is needed to see it.</summary>
public sealed class ParameterTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("rabbitmqbackup-").FullName;
    private readonly ModuleSession _session = new();

    public ParameterTests()
    {
        _session.Set("Folder", _folder);
        _session.RunCleanly("$null = $ExecutionContext.SessionState.Path.SetLocation($Folder)");
    }

    public void Dispose()
    {
        _session.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData("./b", "b")]
    [InlineData("b", "b")]
    [InlineData("b/../c", "c")]
    [InlineData("b[1]", "b[1]")]
    public void A_store_is_a_path_from_the_location_of_the_session(string path, string below) =>
        Assert.Equal(Path.Combine(_folder, below), _session.RunCleanly($"(New-RabbitBackupStore '{path}').DisplayUri").Single().ToString());

    [Fact]
    public void A_store_is_an_object_a_folder_or_a_URI()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "b"));
        foreach (string store in new[] { "(New-RabbitBackupStore ./b)", "([System.IO.DirectoryInfo]::new($Folder))", "([uri]::new($Folder))" })
        {
            Assert.Empty(_session.RunCleanly($"Get-RabbitBackup {store}"));
        }
    }

    [Theory]
    [InlineData("http://host/x", "known are")]
    [InlineData("variable:/x", "not a folder")]
    [InlineData("''", "is empty")]
    [InlineData("$null", "A store is")]
    public void What_is_no_store_is_refused_with_the_reason(string store, string reason)
    {
        ErrorRecord error = Assert.Single(_session.Run($"Get-RabbitBackup -Store {store}").Errors);
        Assert.Contains(reason, error.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("(Parameter", error.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Export-RabbitDefinitions d.json")]
    [InlineData("Import-RabbitDefinitions d.json")]
    [InlineData("Import-RabbitDefinitions $Folder/d.json -UndoPath undo.json")]
    [InlineData("Compare-RabbitDefinitions d.json")]
    [InlineData("Undo-RabbitImport undo.json")]
    [InlineData("New-RabbitConnection amqps://host -CaCertificate ca.pem")]
    [InlineData("Backup-RabbitMq $Folder -CheckpointPath here")]
    public void With_the_location_on_another_drive_a_relative_path_is_no_file_of_the_process(string script)
    {
        _session.RunCleanly("$null = $ExecutionContext.SessionState.Path.SetLocation('variable:'); [System.IO.File]::WriteAllText(\"$Folder/d.json\", '{}'); $global:PSDefaultParameterValues['*:Connection'] = 'amqp://ops:geheim@127.0.0.1:1'");
        ErrorRecord error = Assert.Single(_session.Run($"{script} -ErrorAction Stop").Errors);
        Assert.Contains("is not a folder or a file, but a path of PowerShell's provider Variable", error.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("(Parameter", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_password_that_is_missing_is_asked_for_once()
    {
        _session.Host.Answers.Enqueue("geheim");
        SessionResult result = _session.Run("Get-RabbitQueue -Connection amqp://ops@127.0.0.1:1");
        Assert.Single(_session.Host.Questions);
        Assert.Equal("ops", Assert.Single(_session.Host.UserNames));
        Assert.StartsWith("ManagementApiUnavailable,", Assert.Single(result.Errors).FullyQualifiedErrorId, StringComparison.Ordinal);
        Assert.DoesNotContain(result.Everything, text => text.Contains("geheim", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Test-RabbitBackup")]
    [InlineData("Get-RabbitBackupSegment")]
    [InlineData("Get-RabbitBackupMessage")]
    [InlineData("Restore-RabbitMq -Confirm:$false")]
    public void What_is_no_backup_does_not_go_in(string command) =>
        Assert.StartsWith("InputObjectNotBound,", Assert.Single(_session.Run($"'text' | {command}").Errors).FullyQualifiedErrorId, StringComparison.Ordinal);
}
