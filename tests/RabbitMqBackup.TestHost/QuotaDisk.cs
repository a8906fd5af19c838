namespace RabbitMqBackup.TestHost;

/// <summary>A small file system whose quota the kernel enforces, by <c>tests/servers/quota-disk.sh</c>.</summary>
public sealed class QuotaDisk : IAsyncDisposable
{
    private const string Script = "quota-disk.sh";

    private readonly string _mount;

    private QuotaDisk(string mount) => _mount = mount;

    /// <summary>The folder that the quota is for.</summary>
    public string Folder => Path.Combine(_mount, "store");

    /// <summary>Makes and mounts one.</summary>
    /// <param name="bytes">The quota, as the script takes it: <c>300K</c>.</param>
    /// <exception cref="TestServerUnavailableException">It can't be done here; the message says why. Tests skip with it.</exception>
    public static async Task<QuotaDisk> MountAsync(string bytes)
    {
        await ScriptedServer.RunToEndAsync(Script, "install");
        string mount = Directory.CreateTempSubdirectory("rmqb-quota-").FullName;
        try
        {
            await ScriptedServer.RunToEndAsync(Script, "mount", mount, bytes);
            return new QuotaDisk(mount);
        }
        catch
        {
            Directory.Delete(mount);
            throw;
        }
    }

    /// <summary>Sets another quota.</summary>
    public Task LimitAsync(string bytes) => ScriptedServer.RunToEndAsync(Script, "limit", _mount, bytes);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await ScriptedServer.RunToEndAsync(Script, "unmount", _mount);
        Directory.Delete(_mount);
    }
}
