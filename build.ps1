<#
.SYNOPSIS
    Builds, tests and packages the module.
.DESCRIPTION
    Build leaves a module that can be imported at the root of the repository; so does 'dotnet build'.
    Test builds and runs all tests: with 'dotnet test', and with Pester where it is installed.
    Package makes a folder and a zip in out/ to copy into a module path; the engine in it is compiled ahead of time for Windows and Linux on x64.
    It needs packages from NuGet that a build does not: the compiler for that, and .NET's libraries of each platform.
    Demo runs the sample: backup, loss and restore on a broker of its own.
.EXAMPLE
    ./build.ps1 -Task Build, Test
#>
[CmdletBinding()]
param(
    [ValidateSet('Build', 'Test', 'Package', 'Demo')]
    [string[]] $Task = 'Build',

    [ValidateSet('Debug', 'Release')]
    [string] $Configuration = 'Release'
)

$ErrorActionPreference = 'Stop'
Set-StrictMode -Version Latest

function Invoke-DotNet {
    & dotnet @args
    if ($LASTEXITCODE -ne 0) {
        throw "dotnet $args failed with exit code $LASTEXITCODE."
    }
}

function Invoke-Build {
    Invoke-DotNet build (Join-Path $PSScriptRoot RabbitMqBackup.sln) -c $Configuration
}

function Invoke-Test {
    Invoke-DotNet test (Join-Path $PSScriptRoot RabbitMqBackup.sln) -c $Configuration
    if (Get-Module -ListAvailable Pester | Where-Object Version -GE '5.0') {
        # A process of its own: a session that has loaded the module keeps its old assemblies.
        # By its folder: installed as a .NET tool, this one's own process is dotnet.
        & (Join-Path $PSHOME pwsh) -NoProfile -File (Join-Path $PSScriptRoot tests Module Invoke-ModuleTests.ps1)
        if ($LASTEXITCODE -ne 0) {
            throw 'Pester tests failed.'
        }
    }
    else {
        Write-Warning 'Pester 5 is not installed: the tests in tests/Module are skipped. Install-PSResource Pester gets it.'
    }
}

function Invoke-Package {
    $manifest = Join-Path $PSScriptRoot RabbitMqBackup.psd1
    $version = (Import-PowerShellDataFile $manifest).ModuleVersion
    $out = Join-Path $PSScriptRoot out RabbitMqBackup $version
    if (Test-Path $out) {
        Remove-Item $out -Recurse
    }

    $bin = Join-Path $out bin
    $source = Join-Path $PSScriptRoot src
    Invoke-DotNet publish (Join-Path $source RabbitMqBackup.Engine) -c Release -o (Join-Path $bin engine)
    Invoke-DotNet publish (Join-Path $source RabbitMqBackup.Loader) -c Release -o $bin
    Invoke-DotNet publish (Join-Path $source RabbitMqBackup.Cmdlets) -c Release -o $bin
    Invoke-DotNet build (Join-Path $source RabbitMqBackup.Images) "-p:EngineFolder=$(Join-Path $bin engine)"
    Get-ChildItem $bin -Recurse -Include *.pdb, RabbitMqBackup.*.xml, *.runtimeconfig.json | Remove-Item
    Copy-Item $manifest, (Join-Path $PSScriptRoot LICENSE) $out
    Copy-Item (Join-Path $PSScriptRoot en-US) $out -Recurse
    $null = Test-ModuleManifest (Join-Path $out RabbitMqBackup.psd1)

    $zip = Join-Path $PSScriptRoot out "RabbitMqBackup-$version.zip"
    if (Test-Path $zip) {
        Remove-Item $zip
    }

    # With the folders RabbitMqBackup/<version> in it: unpacked into a module path it is installed.
    [System.IO.Compression.ZipFile]::CreateFromDirectory((Split-Path $out), $zip, 'Optimal', $true)
    Get-Item $out, $zip
}

function Invoke-Demo {
    Invoke-DotNet run --project (Join-Path $PSScriptRoot samples Quickstart)
}

foreach ($name in $Task) {
    & "Invoke-$name"
}
