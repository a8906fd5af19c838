using System.Reflection.PortableExecutable;
using System.Runtime.InteropServices;
using Xunit;

namespace RabbitMqBackup.Module.Tests;

/// <summary>What the loader does with assemblies that a package brings compiled for some platforms. Each session is a process of its own, since an engine that is loaded stays.</summary>
public sealed class CompiledImagesTests : IDisposable
{
    private const string Library = "System.Text.Json.dll";

    private static readonly string SystemName = OperatingSystem.IsWindows() ? "win" : OperatingSystem.IsMacOS() ? "osx" : "linux";
    private static readonly string Platform = $"{SystemName}-{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}";
    private static readonly string Runtime = $"net{Environment.Version.Major}.0";

    private readonly DirectoryInfo _module = Directory.CreateTempSubdirectory("rabbit-module-test-");

    public CompiledImagesTests()
    {
        Copy(Repository.Manifest, "");
        Copy(Path.Combine(Repository.Root, "bin"), "bin");
        Copy(Path.Combine(Repository.Root, "bin", "engine"), "bin/engine");
    }

    private string Engine => Path.Combine(_module.FullName, "bin", "engine");

    [Fact]
    public async Task Image_of_this_platform_is_preferred()
    {
        string image = Image(Runtime, Platform);
        Assert.Equal([image], await LoadedFromAsync());
    }

    [Fact]
    public async Task Without_images_the_libraries_beside_the_engine_are_loaded() => Assert.Equal([Path.Combine(Engine, Library)], await LoadedFromAsync());

    [Theory]
    [InlineData("net99.0", null)]
    [InlineData(null, "win-wasm")]
    public async Task Images_of_other_runtimes_and_platforms_are_left_alone(string? runtime, string? platform)
    {
        Image(runtime ?? Runtime, platform ?? Platform);
        Assert.Equal([Path.Combine(Engine, Library)], await LoadedFromAsync());
    }

    [Fact]
    public async Task Image_of_another_build_is_left_alone()
    {
        Image(Runtime, Platform);
        File.Copy(Path.Combine(Repository.Root, "bin", "engine", Library), Path.Combine(Engine, Library), overwrite: true);
        Assert.Equal([Path.Combine(Engine, Library)], await LoadedFromAsync());
    }

    [Fact]
    public async Task Image_of_another_machine_is_no_reason_to_fail()
    {
        string image = Image(Runtime, Platform);
        byte[] bytes = File.ReadAllBytes(image);
        BitConverter.TryWriteBytes(bytes.AsSpan(BitConverter.ToInt32(bytes, 0x3c) + 4), (ushort)Machine.PowerPC);
        File.WriteAllBytes(image, bytes);
        Assert.Equal([Path.Combine(Engine, Library)], await LoadedFromAsync());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(40_000)]
    public async Task Damaged_image_is_no_reason_to_fail(int length)
    {
        using (FileStream image = File.OpenWrite(Image(Runtime, Platform)))
        {
            image.SetLength(length);
        }

        Assert.Equal([Path.Combine(Engine, Library)], await LoadedFromAsync());
    }

    /// <inheritdoc/>
    public void Dispose() => _module.Delete(recursive: true);

    private void Copy(string source, string to)
    {
        string folder = Directory.CreateDirectory(Path.Combine(_module.FullName, to)).FullName;
        foreach (string file in File.Exists(source) ? [source] : Directory.GetFiles(source))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        }
    }

    /// <summary>The one of the runtime stands for an image, since it is one, and beside the engine for what it was made of; which file is loaded shows in its path.</summary>
    private string Image(string runtime, string platform)
    {
        string folder = Directory.CreateDirectory(Path.Combine(Engine, "compiled", runtime, platform)).FullName;
        string image = Path.Combine(folder, Library);
        string runtimes = Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), Library);
        File.Copy(runtimes, image);
        File.Copy(runtimes, Path.Combine(Engine, Library), overwrite: true);
        return image;
    }

    /// <summary>Lets the engine read JSON in a fresh process, and tells where the library for that came from.</summary>
    private async Task<string[]> LoadedFromAsync()
    {
        string found = Path.Combine(_module.FullName, "found"), definitions = Path.Combine(_module.FullName, "definitions.json");
        File.WriteAllText(definitions, """{"rabbit_version":"4.3.6","queues":[]}""");
        string script = $$"""
            Import-Module '{{Path.Combine(_module.FullName, "RabbitMqBackup.psd1")}}'
            $null = Compare-RabbitDefinitions -Reference '{{definitions}}' -Difference '{{definitions}}' -ErrorAction Stop
            $loaded = [System.Runtime.Loader.AssemblyLoadContext]::All | ForEach-Object { $_.Assemblies } | ForEach-Object Location
            [System.IO.File]::WriteAllLines('{{found}}', [string[]]@($loaded | Where-Object { $_ -like '{{_module.FullName}}*{{Library}}' }))
            'done'
            """;
        using SessionProcess session = await SessionProcess.StartAsync(script, import: false);
        Assert.True(await session.EndsWithinAsync(TimeSpan.FromSeconds(60)));
        return File.ReadAllLines(found);
    }
}
